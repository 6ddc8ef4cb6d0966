//! Markdown as its reader and the agent see it: front matter, blocks with
//! their sections, links with text and target, code, and what is not shown.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::artifact::{Map, Op, Piece};
use crate::finding::GapKind;
use crate::limits::Limits;
use crate::parse::{Body, Child, Kind, Parsed, data, header, shell};
use crate::text;

mod build;
pub mod hidden;

pub use hidden::{Container, Hidden};

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockKind {
    /// Heading of this level, 1 to 6.
    Heading(u8),
    /// Running text, list items included.
    Paragraph,
    /// Cell of a table.
    Cell,
    /// Code block with its language tag, empty if it has none.
    Code(String),
    /// HTML that stands by itself.
    Html,
    /// A string of the front matter under this key.
    FrontMatter(String),
}

/// A link or image.
#[derive(Debug, Clone)]
pub struct Link {
    /// Text that the reader sees.
    pub text: String,
    /// Where it leads.
    pub target: String,
    /// Whether it is an image.
    pub is_image: bool,
    /// Whether it is an address written as text.
    pub is_bare: bool,
    /// Where it stands in the document.
    pub range: Range<usize>,
}

/// Inline code.
#[derive(Debug, Clone)]
pub struct InlineCode {
    /// Where its content stands in the document.
    pub range: Range<usize>,
    /// Where it stands in the block's text.
    pub at: Range<usize>,
}

/// A piece of the document that reads as one: a paragraph, an item, a cell, a code block.
#[derive(Debug, Clone)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Where it stands.
    pub range: Range<usize>,
    /// Its text as rendered, soft breaks as spaces.
    pub text: String,
    /// From text offsets to document offsets.
    pub map: Vec<Piece>,
    /// Links in it.
    pub links: Vec<Link>,
    /// Inline code in it.
    pub code: Vec<InlineCode>,
    /// Index of the section that it stands in.
    pub section: usize,
    /// Whether it stands in a block quote.
    pub is_quoted: bool,
    /// Row of a table cell, 0 for the head.
    pub row: usize,
    /// How many list items it is nested in.
    pub list_depth: usize,
}

impl Block {
    /// The document range that a range of `text` stands for.
    pub fn source(&self, range: Range<usize>) -> Range<usize> {
        let at = |offset: usize, is_end: bool| {
            let index = self.map.partition_point(|p| (p.at as usize) < offset + usize::from(!is_end)).saturating_sub(1);
            self.map.get(index).map_or(self.range.start, |p| {
                let into = offset.saturating_sub(p.at as usize);
                if p.len == p.from_len {
                    p.from as usize + into.min(p.len as usize)
                } else {
                    p.from as usize + if is_end { p.from_len as usize } else { 0 }
                }
            })
        };
        let start = at(range.start, false);
        start..at(range.end, true).max(start)
    }

    /// Whether it holds text that people read as prose.
    pub fn is_prose(&self) -> bool {
        !matches!(self.kind, BlockKind::Code(_) | BlockKind::Html)
    }
}

/// A heading and what stands below it up to the next heading of its level.
#[derive(Debug, Clone)]
pub struct Section {
    /// Text of the heading; empty for what stands before the first.
    pub title: String,
    /// Level of the heading, 0 for what stands before the first.
    pub level: u8,
    /// Index of the section that it is nested in.
    pub parent: Option<usize>,
    /// Index of the first block below its heading.
    pub first: Option<usize>,
}

/// A parsed Markdown document.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Front matter, parsed.
    pub front: Option<data::Data>,
    /// All blocks in order, strings of the front matter first.
    pub blocks: Vec<Block>,
    /// All sections in order.
    pub sections: Vec<Section>,
    /// What is in the text and not on the page.
    pub hidden: Vec<Hidden>,
}

impl Document {
    /// Index of the block that `offset` lies in.
    pub fn block_at(&self, offset: usize) -> Option<usize> {
        // Blocks stand in order; those of the front matter may overlap, being values of one another.
        let after = self.blocks.partition_point(|block| block.range.start <= offset);
        (after.saturating_sub(8)..after)
            .rev()
            .find(|&index| offset < self.blocks[index].range.end.max(self.blocks[index].range.start + 1))
    }

    /// What the page does not show, as paragraphs of a document of its own.
    pub fn of_hidden(&self, text: &str) -> Self {
        let mut document = plain("");
        for hidden in &self.hidden {
            build::paragraph(text, hidden.range.clone(), &mut document);
        }
        document
    }

    /// The section's headings, innermost first.
    pub fn headings(&self, section: usize) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(section), |&at| self.sections.get(at)?.parent)
            .filter_map(|at| self.sections.get(at))
            .map(|section| section.title.as_str())
    }
}

/// Parses a document.
pub fn parse(text: &str, limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let mut document = Document::default();
    document.sections.push(Section { title: String::new(), level: 0, parent: None, first: None });
    let (front, body_start) = front_matter(text);
    if let Some(front) = front {
        let (data, complaint) = data::read(Kind::Yaml, text.get(front.clone()).unwrap_or(""), front.start);
        parsed.facts.extend(header::facts(
            &data,
            text.get(front.clone()).unwrap_or(""),
            front.clone(),
            complaint.as_deref(),
        ));
        // What the YAML parser refuses or passes over, the agent reads as text all the same.
        if complaint.is_some() || has_more_than_settings(text::slice(text, front.clone())) {
            build::blocks(text, front.clone(), &mut document);
        }
        if let Some(complaint) = complaint {
            parsed.malformed.push((front, complaint));
        }
        for string in &data.strings {
            document.blocks.push(build::front_matter_block(string));
        }
        parsed.children.extend(data::children(&data, Kind::Yaml, None));
        document.front = Some(data);
    }
    build::blocks(text, body_start..text.len(), &mut document);
    document.blocks.sort_by_key(|block| block.range.start);
    build::first_blocks(&mut document);
    hidden::collect(text, &mut document);
    children(text, &document, &mut parsed, limits);
    parsed.body = Body::Markdown(Box::new(document));
    parsed
}

/// Longest text without mark-up that is taken for a command, in bytes.
const COMMAND: usize = 64 * 1024;

/// Lines of plain text that are taken for commands, one by one.
const LINES: usize = 1000;

/// Parses text that is not Markdown: its paragraphs, and commands that stand in it.
pub fn text(source: &str, limits: &Limits) -> Parsed {
    let mut parsed = Parsed::default();
    let document = plain(source);
    children(source, &document, &mut parsed, limits);
    // Lines of a list or a log stand for themselves, whatever stands around them.
    let mut lines = 0;
    for block in document.blocks.iter().filter(|block| shell::worth_parsing(&block.text)) {
        let mut at = block.range.start;
        for line in text::slice(source, block.range.clone()).split_inclusive(['\n', '\r']) {
            let range = at..at + line.len();
            at = range.end;
            if line.len() < block.range.len() && line.len() <= COMMAND && shell::is_command_line(line) {
                lines += 1;
                if lines > LINES {
                    let why = format!("more than {LINES} lines of one text are commands; the rest was not parsed");
                    parsed.skipped.push((GapKind::OverLimit, why));
                    break;
                }
                parsed.children.push(Child::cut(Op::Prose, source.as_bytes(), range).of_kind(Kind::Shell));
            }
        }
    }
    parsed.body = Body::Markdown(Box::new(document));
    parsed
}

/// Text that is not Markdown as paragraphs, so that prose can be judged wherever it stands.
pub fn plain(text: &str) -> Document {
    let mut document = Document::default();
    document.sections.push(Section { title: String::new(), level: 0, parent: None, first: None });
    build::paragraphs(text, &mut document);
    document
}

/// Strings of a data file as paragraphs.
pub fn of_strings(data: &data::Data) -> Document {
    let mut document = Document::default();
    document.sections.push(Section { title: String::new(), level: 0, parent: None, first: None });
    document.blocks.extend(data.strings.iter().map(build::front_matter_block));
    document
}

/// A page of markup as one block, with its links and what it hides.
pub fn page(text: &str) -> Document {
    let mut document = plain("");
    build::page(text, &mut document);
    hidden::collect(text, &mut document);
    document
}

/// The YAML between `---` lines at the start, and where the text after it begins.
fn front_matter(text: &str) -> (Option<Range<usize>>, usize) {
    let start = text.strip_prefix('\u{feff}').map_or(0, |_| '\u{feff}'.len_utf8());
    let rest = text.get(start..).unwrap_or("");
    let Some(first) = rest.split_inclusive('\n').next().filter(|line| line.trim_end() == "---") else {
        return (None, start);
    };
    let yaml = start + first.len();
    let mut at = yaml;
    for line in text.get(yaml..).unwrap_or("").split_inclusive('\n') {
        if line.trim_end() == "---" || line.trim_end() == "..." {
            return (Some(yaml..at), at + line.len());
        }
        at += line.len();
    }
    (None, start)
}

/// Whether a header has lines that are comments to YAML, or the fence of a code block.
fn has_more_than_settings(header: &str) -> bool {
    header.lines().any(|line| line.trim_start().starts_with(['#', '`', '~']))
}

/// Whether a block of no language holds commands.
fn is_shell(text: &str) -> bool {
    shell::worth_parsing(text) || shell::holds_command(text)
}

/// Code blocks, inline commands and prose that hides something become artifacts.
fn children(text: &str, document: &Document, parsed: &mut Parsed, limits: &Limits) {
    for block in &document.blocks {
        if let BlockKind::Code(tag) = &block.kind {
            let kind =
                Kind::from_tag(tag).unwrap_or_else(|| if is_shell(&block.text) { Kind::Shell } else { Kind::Text });
            let (bytes, map) = if kind == Kind::Shell {
                build::without_prompts(block)
            } else {
                (block.text.clone(), block.map.clone())
            };
            parsed.children.push(Child {
                op: Op::CodeBlock,
                range: block.range.clone(),
                bytes: bytes.into(),
                map: Map::Pieces(map),
                kind,
                name: None,
            });
        }
        for code in &block.code {
            let content = block.text.get(code.at.clone()).unwrap_or("");
            if !content.contains(char::is_whitespace) || content.len() < 6 {
                continue;
            }
            if !shell::names_command(content) {
                let commands = shell::commands(content).into_iter();
                parsed.commands.extend(commands.map(|command| shell::Command { range: code.range.clone(), ..command }));
            } else {
                parsed.children.push(Child {
                    op: Op::InlineCode,
                    range: code.range.clone(),
                    bytes: content.into(),
                    map: build::code_map(text, code, content),
                    kind: Kind::Shell,
                    name: None,
                });
            }
        }
        // A command in running text, without any mark-up, is still a command to its reader.
        if block.is_prose() && block.text.len() <= COMMAND && shell::is_command_line(&block.text) {
            parsed.children.push(Child {
                op: Op::Prose,
                range: block.range.clone(),
                bytes: block.text.clone().into(),
                map: Map::Pieces(block.map.clone()),
                kind: Kind::Shell,
                name: None,
            });
        }
    }
    for hidden in &document.hidden {
        let content = text.get(hidden.range.clone()).unwrap_or("");
        if shell::worth_parsing(content) {
            parsed.children.push(Child {
                op: Op::Hidden,
                range: hidden.range.clone(),
                bytes: content.into(),
                map: Map::slice(hidden.range.clone()),
                kind: Kind::Shell,
                name: None,
            });
        }
    }
    if document.blocks.len() > limits.nodes {
        parsed.skipped.push((GapKind::OverLimit, format!("more than {} blocks", limits.nodes)));
    }
}
