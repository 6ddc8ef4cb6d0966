//! Turns the parser's events into blocks with sections, links and offsets.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use crate::text;

use regex::Regex;

use super::*;

/// Addresses written as text: with a scheme, or a host with a path.
static BARE: LazyLock<Regex> =
    LazyLock::new(|| text::regex(r#"(?i)\b(?:https?|ftp)://[^\s<>"'`\])|*，。；：、！？（）「」『』《》]+"#));

struct Builder<'t, 'd> {
    text: &'t str,
    document: &'d mut Document,
    open: Option<Block>,
    links: Vec<(Link, usize)>,
    quotes: usize,
    lists: usize,
    row: usize,
    stack: Vec<usize>,
}

/// Adds the blocks of a part of the text to the document.
pub(super) fn blocks(text: &str, part: Range<usize>, document: &mut Document) {
    let start = part.start;
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let body = text.get(part).unwrap_or("");
    let mut builder =
        Builder { text, document, open: None, links: Vec::new(), quotes: 0, lists: 0, row: 0, stack: vec![0] };
    let mut events = Parser::new_ext(body, options).into_offset_iter();
    let mut used: HashSet<String> = HashSet::new();
    for (event, range) in events.by_ref() {
        let range = range.start + start..range.end + start;
        if let Event::Start(
            Tag::Link { link_type: LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut, id, .. }
            | Tag::Image { id, .. },
        ) = &event
        {
            used.insert(id.to_lowercase());
        }
        builder.event(event, range);
    }
    builder.close();
    let mut definitions: Vec<_> = events
        .reference_definitions()
        .iter()
        .map(|(label, definition)| {
            (definition.span.start + start..definition.span.end + start, used.contains(&label.to_lowercase()))
        })
        .collect();
    definitions.sort_by_key(|(range, _)| range.start);
    for (range, is_used) in definitions {
        let container = if is_used { Container::Title } else { Container::Definition };
        document.hidden.push(Hidden { container, range });
    }
}

impl Builder<'_, '_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text, range),
            Event::Code(code) => {
                let inner = self.inner_code(&range);
                self.text(&code, inner.clone());
                if let Some(block) = &mut self.open {
                    let end = block.text.len();
                    block.code.push(InlineCode { range: inner, at: end - code.len()..end });
                }
            }
            Event::SoftBreak | Event::HardBreak => self.text(" ", range),
            Event::Html(_) => {
                let html = self.text.get(range.clone()).unwrap_or("").to_owned();
                self.ensure(BlockKind::Html, &range);
                self.text(&html, range);
            }
            Event::InlineHtml(tag) => {
                self.ensure(BlockKind::Paragraph, &range);
                if let Some(target) = href(&tag) {
                    self.link(target, "", false, range.clone());
                } else if tag.to_ascii_lowercase().starts_with("</a") {
                    self.link_end(range.end);
                }
                if let Some(block) = &mut self.open {
                    block.range.end = block.range.end.max(range.end);
                }
            }
            _ => {}
        }
    }

    /// Content of inline code without its backticks.
    fn inner_code(&self, range: &Range<usize>) -> Range<usize> {
        let raw = self.text.get(range.clone()).unwrap_or("");
        let ticks = raw.bytes().take_while(|b| *b == b'`').count();
        let inner = raw.get(ticks..raw.len().saturating_sub(ticks)).unwrap_or("");
        let trimmed = inner.trim();
        let start = range.start + ticks + (inner.len() - inner.trim_start().len());
        start..start + trimmed.len()
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Heading { level, .. } => self.begin(BlockKind::Heading(level_of(level)), &range),
            Tag::Paragraph => self.begin(BlockKind::Paragraph, &range),
            Tag::CodeBlock(kind) => {
                let tag = match kind {
                    CodeBlockKind::Fenced(info) => info.split([' ', ',', '{', '\t']).next().unwrap_or("").to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.begin(BlockKind::Code(tag), &range);
            }
            Tag::HtmlBlock => self.begin(BlockKind::Html, &range),
            Tag::BlockQuote(_) => {
                self.close();
                self.quotes += 1;
            }
            Tag::List(_) => self.close(),
            Tag::Item => {
                self.close();
                self.lists += 1;
            }
            Tag::TableHead => self.row = 0,
            Tag::TableRow => self.row += 1,
            Tag::TableCell => self.begin(BlockKind::Cell, &range),
            Tag::Link { dest_url, title, .. } => self.link(&dest_url, &title, false, range),
            Tag::Image { dest_url, title, .. } => self.link(&dest_url, &title, true, range),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::TableCell => {
                self.close()
            }
            TagEnd::BlockQuote(_) => {
                self.close();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::Item => {
                self.close();
                self.lists = self.lists.saturating_sub(1);
            }
            TagEnd::Link | TagEnd::Image => self.link_end(0),
            _ => {}
        }
    }

    fn link_end(&mut self, end: usize) {
        let (Some((mut link, from)), Some(block)) = (self.links.pop(), &mut self.open) else { return };
        link.text = block.text.get(from..).unwrap_or("").to_owned();
        link.range.end = link.range.end.max(end);
        if link.is_image {
            self.document.hidden.push(Hidden { container: Container::Alt, range: link.range.clone() });
        }
        block.links.push(link);
    }

    fn link(&mut self, target: &str, title: &str, is_image: bool, range: Range<usize>) {
        self.ensure(BlockKind::Paragraph, &range);
        if !title.is_empty() {
            let raw = self.text.get(range.clone()).unwrap_or("");
            if let Some(at) = raw.rfind(title) {
                let range = range.start + at..range.start + at + title.len();
                self.document.hidden.push(Hidden { container: Container::Title, range });
            }
        }
        let from = self.open.as_ref().map_or(0, |block| block.text.len());
        let link = Link { text: String::new(), target: target.to_owned(), is_image, is_bare: false, range };
        self.links.push((link, from));
    }

    fn begin(&mut self, kind: BlockKind, range: &Range<usize>) {
        self.close();
        self.open = Some(Block {
            kind,
            range: range.clone(),
            text: String::new(),
            map: Vec::new(),
            links: Vec::new(),
            code: Vec::new(),
            section: self.stack.last().copied().unwrap_or(0),
            is_quoted: self.quotes > 0,
            row: self.row,
            list_depth: self.lists,
        });
    }

    fn ensure(&mut self, kind: BlockKind, range: &Range<usize>) {
        if self.open.is_none() {
            self.begin(kind, range);
        }
    }

    fn text(&mut self, text: &str, range: Range<usize>) {
        self.ensure(BlockKind::Paragraph, &range);
        let Some(block) = &mut self.open else { return };
        let piece = Piece {
            at: block.text.len() as u32,
            from: range.start as u32,
            len: text.len() as u32,
            from_len: range.len() as u32,
        };
        match block.map.last_mut() {
            // One run for what is contiguous and unchanged on both sides.
            Some(last)
                if last.len == last.from_len
                    && piece.len == piece.from_len
                    && last.from + last.from_len == piece.from =>
            {
                last.len += piece.len;
                last.from_len += piece.len;
            }
            _ => block.map.push(piece),
        }
        block.text.push_str(text);
        block.range.end = block.range.end.max(range.end);
    }

    fn close(&mut self) {
        self.links.clear();
        let Some(mut block) = self.open.take() else { return };
        if block.kind == BlockKind::Html {
            anchors(&mut block);
        }
        bare_links(&mut block);
        if let BlockKind::Heading(level) = block.kind {
            while self.stack.len() > 1 && self.stack.last().is_some_and(|&at| self.document.sections[at].level >= level)
            {
                self.stack.pop();
            }
            let parent = self.stack.last().copied();
            self.document.sections.push(Section { title: block.text.clone(), level, parent, first: None });
            let at = self.document.sections.len() - 1;
            self.stack.push(at);
            block.section = at;
        }
        self.document.blocks.push(block);
    }
}

fn bare_links(block: &mut Block) {
    if !block.text.contains("://") {
        return;
    }
    // In code, only what is downloaded is a link; the rest are addresses of services.
    static DOWNLOAD: LazyLock<Regex> = LazyLock::new(|| {
        text::regex(
            r"(?i)\bcurl\b.*\s-[a-z]*[oJ]|--output|--remote-name|\bwget\b|invoke-webrequest|\biwr\b|start-bitstransfer",
        )
    });
    let is_code = matches!(block.kind, BlockKind::Code(_));
    // A line may hold very many.
    let mut last: Option<(*const u8, bool)> = None;
    let mut downloads = |at: usize| {
        let line = line_around(&block.text, at);
        match last {
            Some((start, is_download)) if start == line.as_ptr() => is_download,
            _ => last.insert((line.as_ptr(), DOWNLOAD.is_match(line))).1,
        }
    };
    let found: Vec<_> = BARE
        .find_iter(&block.text)
        .filter(|found| !is_code || downloads(found.start()))
        .map(|found| {
            let target = found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?']);
            (target.to_owned(), found.start()..found.start() + target.len())
        })
        .collect();
    let mut taken: Vec<Range<usize>> = block.links.iter().map(|link| link.range.clone()).collect();
    taken.sort_by_key(|range| range.start);
    for (target, range) in found {
        let range = block.source(range);
        let before = taken.partition_point(|link| link.start <= range.start);
        if !taken[before.saturating_sub(4)..before].iter().any(|link| range.end <= link.end) {
            block.links.push(Link { text: target.clone(), target, is_image: false, is_bare: true, range });
        }
    }
}

/// Notes the first block below each heading.
pub(super) fn first_blocks(document: &mut Document) {
    for (index, block) in document.blocks.iter().enumerate() {
        if !matches!(block.kind, BlockKind::Heading(_) | BlockKind::FrontMatter(_)) {
            document.sections[block.section].first.get_or_insert(index);
        }
    }
}

fn line_around(text: &str, at: usize) -> &str {
    let start = text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
    text.get(start..).map_or("", |t| t.lines().next().unwrap_or(""))
}

/// Target of an opening `<a …>`.
fn href(tag: &str) -> Option<&str> {
    static HREF: LazyLock<Regex> = LazyLock::new(|| text::regex(r#"(?is)^<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)"#));
    HREF.captures(tag)?.get(1).map(|target| target.as_str())
}

/// Links in a block of HTML.
fn anchors(block: &mut Block) {
    static ANCHOR: LazyLock<Regex> =
        LazyLock::new(|| text::regex(r#"(?is)<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)[^>]*>(.*?)(?:</a\s*>|\z)"#));
    static TAG: LazyLock<Regex> = LazyLock::new(|| text::regex(r"(?s)<[^>]*>"));
    let found: Vec<Link> = ANCHOR
        .captures_iter(&block.text)
        .filter_map(|found| {
            let (whole, target, inner) = (found.get(0)?, found.get(1)?, found.get(2)?);
            let text = TAG.replace_all(inner.as_str(), "").into_owned();
            Some(Link {
                text,
                target: target.as_str().to_owned(),
                is_image: false,
                is_bare: false,
                range: block.source(whole.range()),
            })
        })
        .collect();
    block.links.extend(found);
}

/// The map of inline code, in which a table's `\|` stands for `|`.
pub(super) fn code_map(text: &str, code: &InlineCode, content: &str) -> Map {
    let raw = text.get(code.range.clone()).unwrap_or("");
    if raw == content {
        return Map::slice(code.range.clone());
    }
    let mut map: Vec<Piece> = Vec::new();
    let mut raw_at = 0;
    for (at, c) in content.char_indices() {
        let rest = raw.get(raw_at..).unwrap_or("");
        raw_at += usize::from(c == '|' && rest.starts_with("\\|"));
        let len = c.len_utf8() as u32;
        map.push(Piece { at: at as u32, from: (code.range.start + raw_at) as u32, len, from_len: len });
        raw_at += c.len_utf8();
    }
    Map::Pieces(map)
}

/// A block with nothing in it yet but its text, which stands unchanged at `range`.
fn bare_block(kind: BlockKind, text: &str, range: Range<usize>) -> Block {
    let mut block = Block {
        kind,
        text: text.to_owned(),
        map: vec![Piece { at: 0, from: range.start as u32, len: text.len() as u32, from_len: range.len() as u32 }],
        range,
        links: Vec::new(),
        code: Vec::new(),
        section: 0,
        is_quoted: false,
        row: 0,
        list_depth: 0,
    };
    bare_links(&mut block);
    block
}

/// Longest paragraph of plain text, in bytes: generated files have no blank lines.
const PARAGRAPH: usize = 4096;

/// One paragraph, whatever is in it.
pub(super) fn paragraph(text: &str, range: Range<usize>, document: &mut Document) {
    let part = text.get(range.clone()).unwrap_or("");
    document.blocks.push(bare_block(BlockKind::Paragraph, part, range));
}

/// Runs of lines between blank ones.
pub(super) fn paragraphs(text: &str, document: &mut Document) {
    let mut start = 0;
    let mut at = 0;
    let mut flush = |start: usize, end: usize| {
        let part = text.get(start..end).unwrap_or("");
        if !part.trim().is_empty() {
            document.blocks.push(bare_block(BlockKind::Paragraph, part, start..end));
        }
    };
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() || at - start > PARAGRAPH {
            flush(start, at);
            start = at;
        }
        at += line.len();
    }
    flush(start, at);
}

/// A page of markup as one block.
pub(super) fn page(text: &str, document: &mut Document) {
    let mut block = bare_block(BlockKind::Html, text, 0..text.len());
    anchors(&mut block);
    document.blocks.push(block);
}

fn level_of(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// A string of the front matter as a block of prose.
pub(super) fn front_matter_block(string: &data::DataString) -> Block {
    bare_block(BlockKind::FrontMatter(string.key.clone()), &string.text, string.range.clone())
}

/// Code of a block without the prompts of a terminal transcript.
pub(super) fn without_prompts(block: &Block) -> (String, Vec<Piece>) {
    let prompt = |line: &str| -> usize {
        let indent = line.len() - line.trim_start().len();
        let rest = line.get(indent..).unwrap_or("");
        ["$ ", "% ", "> ", "PS> ", "# "].iter().find(|p| rest.starts_with(**p)).map_or(0, |p| indent + p.len())
    };
    let is_transcript = block.text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| {
        let rest = line.trim_start();
        rest.starts_with("$ ") || rest.starts_with("% ") || rest.starts_with("> ") || rest.starts_with("PS> ")
    });
    if !is_transcript {
        return (block.text.clone(), block.map.clone());
    }
    let mut out = String::new();
    let mut map: Vec<Piece> = Vec::new();
    let mut at = 0;
    for line in block.text.split_inclusive('\n') {
        let skip = prompt(line);
        let kept = line.get(skip..).unwrap_or("");
        let source = block.source(at + skip..at + line.len());
        map.push(Piece {
            at: out.len() as u32,
            from: source.start as u32,
            len: kept.len() as u32,
            from_len: source.len() as u32,
        });
        out.push_str(kept);
        at += line.len();
    }
    (out, map)
}
