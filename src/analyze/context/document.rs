//! Context in a document: headings and sentences that warn, quotations,
//! tables, and the sentences that tell the reader to run it after all.

use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

use super::{ContextKind, Contexts, Reader, connection};
use crate::artifact::{Artifact, Span};
use crate::parse::markdown::{Block, BlockKind, Document, InlineCode};
use crate::parse::shell;
use crate::text;

mod opinion;

/// Lines of a block above a place that speak of it.
const NEAR: usize = 3;

/// Whether a line begins with a sign that it is wrong, or with one of these.
fn is_marked(line: &str, more: &[&str]) -> bool {
    let line = line.trim_start().to_lowercase();
    let marks = ["❌", "✗", "✘", "# bad", "// bad", "# don't", "# never", "# ✗", "// ❌", "# ❌"];
    marks.iter().chain(more).any(|mark| line.starts_with(mark))
}

/// Adds the contexts of a place in a document; `None` if the document tells the reader to run it.
pub(super) fn read(
    reader: &Reader<'_>,
    artifact: &Artifact,
    document: &Document,
    span: Span,
    contexts: &mut Contexts,
) -> Option<()> {
    let Some(index) = document.block_at(span.start as usize) else { return Some(()) };
    let block = &document.blocks[index];
    if matches!(block.kind, BlockKind::FrontMatter(_)) {
        // Always in the agent's context: full weight.
        return None;
    }
    let place = Place { reader, artifact, document, index, block, range: span.range() };
    let mut found = Contexts::new();
    place.quotation(&mut found);
    place.headings(&mut found);
    place.sentences(&mut found);
    place.other_end(&mut found);
    if found.is_empty() {
        return Some(());
    }
    if place.is_instructed() {
        return None;
    }
    contexts.extend(found);
    Some(())
}

struct Place<'a> {
    reader: &'a Reader<'a>,
    artifact: &'a Artifact,
    document: &'a Document,
    index: usize,
    block: &'a Block,
    range: Range<usize>,
}

impl<'a> Place<'a> {
    fn holds(&self, lexicon: &str, folded: &str) -> bool {
        self.reader.input.rules.lexicons.holds(lexicon, folded)
    }

    fn add(&self, contexts: &mut Contexts, kind: ContextKind, range: Range<usize>, why: &str) {
        contexts.entry(kind).or_insert((Span::new(self.artifact.id, range), why.to_owned()));
    }

    fn quotation(&self, contexts: &mut Contexts) {
        if self.block.is_quoted && !self.is_callout() && !self.goes_on() {
            self.add(contexts, ContextKind::Quoted, self.block.range.clone(), "stands in a block quote");
        }
        // What goes over several cells is said by the table itself.
        let is_inside = self.range.end <= self.block.range.end;
        // Where a link leads is no sample of anything, unless it is set as code.
        let overlaps = |range: &Range<usize>| range.start < self.range.end && self.range.start < range.end;
        let is_code = self.block.code.iter().any(|code| overlaps(&code.range));
        let is_link = !is_code && self.block.links.iter().any(|link| overlaps(&link.range));
        if self.block.kind == BlockKind::Cell && self.block.row > 0 && is_inside && !is_link {
            self.add(contexts, ContextKind::PatternTable, self.block.range.clone(), "is a cell of a table");
            let head = self.column_head().map(|head| text::fold(&head.text).0);
            if head.is_some_and(|head| self.holds("example-head", &head)) {
                self.add(contexts, ContextKind::Example, self.block.range.clone(), "stands in a column of examples");
            }
        }
        let code = self
            .block
            .code
            .iter()
            .find(|code| code.range.start <= self.range.start && self.range.start < code.range.end)
            // A sentence that begins with a name set as code is none.
            .filter(|code| self.range.end <= code.range.end + MARKS);
        let is_quoting_code =
            code.is_some_and(|code| !self.is_address(code) && !self.is_name(code) && !self.is_ordered(code));
        let in_marks = self.marks().is_some_and(|marks| marks.start <= self.range.start && self.range.end <= marks.end);
        if (is_quoting_code || in_marks) && self.block.is_prose() && self.has_other_words() {
            self.add(contexts, ContextKind::Quoted, self.range.clone(), "is quoted in a sentence");
        }
        if let Some(code) = code.filter(|code| is_quoting_code && self.is_denied(code)) {
            self.add(contexts, ContextKind::Negated, code.range.clone(), "the words before it say not to");
        }
        if is_quoting_code && self.block.list_depth > 0 && self.is_list_of_code() {
            self.add(contexts, ContextKind::PatternTable, self.block.range.clone(), "is one of a list of quoted texts");
        }
        if let BlockKind::Code(tag) = &self.block.kind
            && let Some(line) = self.line()
        {
            if is_marked(line, &["-  "]) || self.lines_above().take(NEAR).any(|above| is_marked(above, &[])) {
                self.add(contexts, ContextKind::Negated, self.range.clone(), "the line is marked as wrong");
            }
            // A block that names no language and holds no command is text that is shown.
            let is_text = tag.is_empty() && !shell::names_command(&self.block.text);
            if is_text
                || ["regex", "yara", "diff", "text", "txt", "log"].contains(&tag.as_str())
                || super::is_search(&super::line_before(self.artifact, self.range.start))
            {
                self.add(
                    contexts,
                    ContextKind::PatternTable,
                    self.block.range.clone(),
                    "is shown as text or as a search",
                );
            }
        }
    }

    /// Lines of the block above the place, from below, as far as they belong together.
    fn lines_above(&self) -> impl Iterator<Item = &str> {
        let text = self.artifact.get(self.block.range.start..self.range.start);
        let lines = std::str::from_utf8(text).unwrap_or("").rsplit('\n').skip(1);
        lines.take_while(|line| {
            let line = line.trim_start().to_lowercase();
            !line.is_empty() && !["# good", "// good", "✅", "# ✅", "// ✅"].iter().any(|mark| line.starts_with(mark))
        })
    }

    /// Whether inline code is an address and nothing else, which is set like that for its looks.
    fn is_address(&self, code: &InlineCode) -> bool {
        let content = text::slice(&self.block.text, code.at.clone());
        content.contains("://") && !content.contains(char::is_whitespace)
    }

    /// Whether inline code is one word, as the name of a field that the sentence speaks of: no quotation is that short.
    fn is_name(&self, code: &InlineCode) -> bool {
        let content = text::slice(&self.block.text, code.at.clone());
        content.len() <= WORD && content.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    }

    /// Whether the words right before inline code say that something else is done: "not `…`", "instead of `…`".
    fn is_denied(&self, code: &InlineCode) -> bool {
        let before = self.before(code);
        let lexicons = &self.reader.input.rules.lexicons;
        lexicons.all("code-not", &before).last().is_some_and(|found| found.end == before.len())
    }

    /// What of its sentence stands before inline code, folded.
    fn before(&self, code: &InlineCode) -> String {
        let sentence = text::sentence_at(&self.block.text, code.at.start);
        let before = text::fold(text::slice(&self.block.text, sentence.start..code.at.start)).0;
        before.trim_end_matches([' ', ':', '`', '(']).to_owned()
    }

    /// Whether inline code is the object of an order that its sentence begins with, or of "install via" and its kin.
    fn is_ordered(&self, code: &InlineCode) -> bool {
        let sentence = text::sentence_at(&self.block.text, code.at.start);
        let whole = text::fold(text::slice(&self.block.text, sentence.clone())).0;
        let before = self.before(code);
        let lexicons = &self.reader.input.rules.lexicons;
        let order = lexicons.all("instruct-code", &before).last();
        let begins = |at: usize| {
            let rest = text::slice(&before, 0..at).trim_start_matches(['[', '(', '*', '_']).trim_end();
            rest.is_empty()
                || rest.ends_with([':', ';', ',', '—', '–', '：', '，', '；', '、', '。'])
                || self.leads(rest)
        };
        let is_near = order.is_some_and(|order| {
            order.end == before.len() && (begins(order.start) || text::slice(&before, order.clone()).contains(' '))
        });
        is_near && !self.holds("negation", &whole) && !self.holds("warn", &whole)
    }

    /// Whether words say when an order is carried out ("after each update"), and nobody does so in them.
    fn leads(&self, words: &str) -> bool {
        let lexicons = &self.reader.input.rules.lexicons;
        let is_time = lexicons.all("order-time", words).any(|found| found.start == 0);
        is_time && !lexicons.all("somebody-does", words).any(|found| found.end == words.len())
    }

    /// Whether the block quote goes on after a sentence that introduces nothing: a note of the author's own.
    fn goes_on(&self) -> bool {
        let before = self.document.blocks.get(..self.index).unwrap_or(&[]).iter().rev();
        let before = before.skip_while(|block| block.is_quoted).find(|block| !block.text.trim().is_empty());
        before.is_some_and(|before| {
            let is_sentence = before.kind == BlockKind::Paragraph && before.list_depth == 0;
            is_sentence && before.text.trim_end().ends_with(['.', '!', '。', '！'])
        })
    }

    /// Whether the block quote is the box of a notice: it opens with a label, not with somebody's words.
    fn is_callout(&self) -> bool {
        let before = self.document.blocks.get(..=self.index).unwrap_or(&[]);
        // A line without the sign of a quotation ends it.
        let is_one = |pair: &&[Block]| {
            let [block, next] = pair else { return false };
            let end = block.range.end.saturating_sub(1).min(next.range.start);
            let between = self.artifact.get(end..next.range.start);
            block.is_quoted && !between.windows(2).any(|two| two == b"\n\n")
        };
        let length = before.windows(2).rev().take_while(is_one).count();
        let Some(first) = before.len().checked_sub(1 + length).and_then(|at| before.get(at)) else { return false };
        let source = text::view(self.artifact.get(first.range.clone()));
        let opening = source.trim_start_matches(['>', ' ']);
        let label = opening.strip_prefix("**").and_then(|rest| rest.split_once("**"));
        let is_label = label.is_some_and(|(label, rest)| label.ends_with([':', '：']) || rest.starts_with([':', '：']));
        is_label
            || opening.starts_with("[!")
            || opening.starts_with(['⚠', '💡', '📌', 'ℹ', '🔔', '🚨', '❗', '📝', '👉'])
    }

    /// The head of the column that the cell stands in.
    fn column_head(&self) -> Option<&'a Block> {
        let before = self.document.blocks.get(..self.index)?;
        let column = before.iter().rev().take_while(|b| b.kind == BlockKind::Cell && b.row == self.block.row).count();
        let cells = before.iter().rposition(|b| b.kind != BlockKind::Cell).map_or(0, |at| at + 1);
        before.get(cells..)?.iter().filter(|b| b.row == 0).nth(column)
    }

    /// Quotation marks around the place, in the text of its block.
    fn marks(&self) -> Option<Range<usize>> {
        let block = self.block.range.clone();
        let before_range = block.start.max(self.range.start.saturating_sub(REACH))..self.range.start;
        let before = text::view(self.artifact.get(before_range.clone()));
        let after = text::view(self.artifact.get(self.range.end..block.end.min(self.range.end + REACH)));
        let pairs = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('「', '」'), ('『', '』'), ('‘', '’')];
        pairs.iter().find_map(|&(open, close)| {
            let start = before.rfind(open)?;
            let inside = before.get(start + open.len_utf8()..)?;
            if inside.contains(close) || (open == close && before.matches(open).count() % 2 == 0) {
                return None;
            }
            let end = after.find(close)?;
            Some(before_range.start + start..self.range.end + end)
        })
    }

    fn has_other_words(&self) -> bool {
        let quoted: usize = self.block.code.iter().map(|code| code.range.len()).sum::<usize>().max(self.range.len());
        self.block.text.len() > quoted + 8
    }

    /// Whether the neighbours in the list quote something as well.
    fn is_list_of_code(&self) -> bool {
        let near = self.index.saturating_sub(3)..(self.index + 4).min(self.document.blocks.len());
        self.document
            .blocks
            .get(near)
            .unwrap_or(&[])
            .iter()
            .filter(|b| b.section == self.block.section && b.list_depth > 0)
            .filter(|b| !b.code.is_empty() || begins_with_quotation(b))
            .count()
            >= 3
    }

    fn line(&self) -> Option<&'a str> {
        let before = self.artifact.get(self.range.start.saturating_sub(REACH)..self.range.start);
        let start = self.range.start - before.iter().rev().take_while(|b| **b != b'\n').count();
        let rest = self.artifact.bytes.get(start..)?;
        let end = rest.iter().take(REACH).position(|b| *b == b'\n').unwrap_or(rest.len().min(REACH));
        std::str::from_utf8(rest.get(..end)?).ok()
    }

    fn headings(&self, contexts: &mut Contexts) {
        // The title of the document says what a package claims to be; only sections below it say what stands in them.
        let sections = std::iter::successors(Some(self.block.section), |&at| self.document.sections.get(at)?.parent);
        for section in sections.filter_map(|at| self.document.sections.get(at)).filter(|section| section.level >= 2) {
            let (folded, _) = text::fold(&section.title);
            let title = folded.trim_matches(|c: char| !c.is_alphanumeric());
            let mut forbids = self.reader.input.rules.lexicons.all("never-heading", title);
            if forbids.any(|found| found == (0..title.len())) {
                self.add(
                    contexts,
                    ContextKind::Negated,
                    self.block.range.clone(),
                    "stands under a heading that says not to",
                );
                return;
            }
            if self.holds("warn-heading", &folded) {
                self.add(
                    contexts,
                    ContextKind::Example,
                    self.block.range.clone(),
                    "stands under a heading about attacks",
                );
                return;
            }
        }
    }

    /// Where the address leads nowhere, or the document shows who listens at the other end, as a lesson does: whoever
    /// is attacked has no use for either.
    fn other_end(&self, contexts: &mut Contexts) {
        let is_second = contexts.contains_key(&ContextKind::Example);
        let kind = if is_second { ContextKind::Quoted } else { ContextKind::Example };
        let line = self.line().unwrap_or("");
        if connection::leads_nowhere(line) {
            self.add(contexts, kind, self.range.clone(), "its address is written so that it leads nowhere");
            return;
        }
        let mut known = self.reader.listeners.borrow_mut();
        let listeners = known.entry(self.artifact.id).or_insert_with(|| connection::listeners(self.document));
        let near = self.range.start.saturating_sub(REACH)..self.range.end.saturating_add(REACH);
        let own = self.block.range.start.max(near.start)..self.block.range.end.min(near.end);
        let own = text::view(self.artifact.get(own));
        let numbers: HashSet<&str> = own.split(|c: char| !c.is_ascii_digit()).collect();
        let is_other = |at: &Range<usize>| *at != self.block.range;
        let other = listeners.iter().find(|(port, at)| is_other(at) && numbers.contains(port.as_str()));
        if let Some((_, at)) = other {
            self.add(contexts, kind, at.clone(), "the other end of the connection is shown as well");
        }
    }

    /// The block itself, and the prose right before and after a code block.
    fn around(&self) -> Vec<&'a Block> {
        let blocks = &self.document.blocks;
        let mut near = Vec::new();
        if self.block.is_prose() {
            near.push(self.block);
        }
        // Entries of a list stand each for itself.
        let is_sibling = |b: &Block| self.block.list_depth > 0 && b.list_depth >= self.block.list_depth;
        let is_told = |b: &&Block| b.is_prose() && !matches!(b.kind, BlockKind::FrontMatter(_)) && !is_sibling(b);
        near.extend(self.index.checked_sub(1).and_then(|at| blocks.get(at)).filter(is_told));
        // A list item or cell is introduced by the sentence above its list.
        if self.block.list_depth > 0 || self.block.kind == BlockKind::Cell {
            let is_intro =
                |b: &&Block| b.list_depth == 0 && b.kind == BlockKind::Paragraph && b.section == self.block.section;
            near.extend(blocks.get(..self.index).unwrap_or(&[]).iter().rev().find(is_intro));
        }
        // What follows a quotation or a piece of code speaks of it as well.
        if (!self.block.is_prose() || self.block.is_quoted)
            && let Some(after) = blocks
                .get(self.index + 1)
                .filter(|b| b.is_prose() && b.section == self.block.section && !matches!(b.kind, BlockKind::Heading(_)))
        {
            near.push(after);
        }
        near
    }

    /// What stands first under each heading above: it speaks of all that follows.
    fn introductions(&self) -> Vec<&'a Block> {
        let sections = std::iter::successors(Some(self.block.section), |&at| self.document.sections.get(at)?.parent);
        sections
            .filter_map(|section| self.document.blocks.get(self.document.sections.get(section)?.first?))
            .filter(|block| {
                block.kind == BlockKind::Paragraph && block.list_depth == 0 && !std::ptr::eq(*block, self.block)
            })
            .collect()
    }

    /// Whether a sentence outside the quotation tells the reader to run it.
    fn is_instructed(&self) -> bool {
        let marks = self.marks();
        let is_inside = |range: &Range<usize>| {
            let quote = self.block.is_quoted.then(|| self.block.range.clone()).or_else(|| marks.clone());
            quote.is_some_and(|quote| quote.start <= range.start && range.end <= quote.end)
        };
        let mut near = self.around();
        near.extend(self.document.blocks.get(self.index + 1).filter(|b| b.is_prose()));
        let is_ordered_near = near.iter().any(|block| {
            // What the quotation says to its reader is part of the quotation.
            let is_listed_quotation = |block: &Block| {
                let own_words = || text::fold(&without_quotations(&block.text)).0;
                begins_with_quotation(block)
                    && begins_with_quotation(self.block)
                    && !self.holds("instruct-near", &own_words())
            };
            let is_part_of_it = std::ptr::eq(*block, self.block) || (self.block.is_quoted && block.is_quoted);
            !is_part_of_it
                && !is_listed_quotation(block)
                && !matches!(block.kind, BlockKind::Heading(_))
                && self.sentences_near(block).into_iter().any(|sentence| {
                    self.orders("instruct-near", block, &sentence) && !is_inside(&block.source(sentence))
                })
        });
        is_ordered_near || self.orders_back().iter().any(|range| !is_inside(range))
    }

    /// Sentences anywhere that point back at a quotation ("the example above") and have it run.
    fn orders_back(&self) -> Rc<Vec<Range<usize>>> {
        if let Some(known) = self.reader.orders.borrow().get(&self.artifact.id) {
            return Rc::clone(known);
        }
        let blocks = self
            .document
            .blocks
            .iter()
            .filter(|block| block.is_prose() && !block.is_quoted && !matches!(block.kind, BlockKind::Heading(_)));
        let orders = blocks.flat_map(|block| {
            let sentences = text::sentences(&block.text).into_iter();
            sentences
                .filter(|sentence| self.orders("instruct-back", block, sentence))
                .map(|sentence| block.source(sentence))
        });
        let orders = Rc::new(orders.collect::<Vec<_>>());
        self.reader.orders.borrow_mut().insert(self.artifact.id, Rc::clone(&orders));
        orders
    }

    /// Whether a sentence is an order of this lexicon, and neither a warning nor its opposite.
    fn orders(&self, lexicon: &str, block: &Block, sentence: &Range<usize>) -> bool {
        let (folded, _) = text::fold(text::slice(&block.text, sentence.clone()));
        let is_negated = || self.holds("negation", &folded) && !self.holds("double-negation", &folded);
        self.holds(lexicon, &folded) && !is_negated() && !self.holds("warn", &folded)
    }
}

/// Whether an item of a list begins with somebody's words.
fn begins_with_quotation(block: &Block) -> bool {
    block.list_depth > 0 && block.text.starts_with(['"', '“', '„', '«', '「'])
}

/// What stands outside the quotation marks of a text.
fn without_quotations(text: &str) -> String {
    text.split(['"', '“', '”', '„', '«', '»', '「', '」']).step_by(2).collect::<Vec<_>>().join(" ")
}

/// Most marks that end what is set as code.
const MARKS: usize = 3;
/// Letters of a name.
const WORD: usize = 24;
/// Bytes around a place that may speak of it.
const REACH: usize = 2000;
