//! One rule against one unit of text.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use super::target::{addresses, email_address, files_named, helper_name, is_download, link_classes, target_classes};
use super::unit::Unit;
use super::{ProseRule, Scope, Seen, Signal};
use crate::analyze::Input;
use crate::artifact::{ArtifactId, Span};
use crate::package::discover::is_skill_name;
use crate::parse::markdown::{Block, BlockKind, Document, Link};
use crate::ruleset::concept::Reading;
use crate::ruleset::lexicon::LexiconId;
use crate::text;

mod reading;

pub(super) struct Judge<'a> {
    input: &'a Input<'a>,
    artifact: ArtifactId,
    document: &'a Document,
    downloads: OnceCell<HashMap<&'a str, Vec<(Place, &'a Link)>>>,
    /// Classes of all links together: there may be very many, and every rule asks.
    classes: OnceCell<BTreeSet<String>>,
    hints: OnceCell<Hints>,
    /// By scope.
    units: [OnceCell<Vec<Unit<'a>>>; 3],
    /// For each block what tells in its sentences of a concept, once that was asked for.
    readings: RefCell<HashMap<(&'a str, usize), Rc<Sentences<'a>>>>,
}

/// Sentences of a block, and what tells in each.
type Sentences<'a> = Vec<(Range<usize>, Reading)>;

/// Which phrases stand where.
struct Hints {
    all: HashSet<LexiconId>,
    /// For each block the phrases, with ranges of its text, by list.
    blocks: Vec<Vec<(LexiconId, Range<usize>)>>,
}

/// Section, and whether it is the front matter.
type Place = (usize, bool);

impl<'a> Judge<'a> {
    pub(super) fn new(input: &'a Input<'a>, artifact: ArtifactId, document: &'a Document) -> Self {
        Self {
            input,
            artifact,
            document,
            downloads: OnceCell::new(),
            classes: OnceCell::new(),
            hints: OnceCell::new(),
            units: Default::default(),
            readings: RefCell::default(),
        }
    }

    fn hints(&self) -> &Hints {
        self.hints.get_or_init(|| {
            let mut hints = Hints { all: HashSet::new(), blocks: Vec::with_capacity(self.document.blocks.len()) };
            for block in &self.document.blocks {
                if !block.is_prose() {
                    hints.blocks.push(Vec::new());
                    continue;
                }
                let (folded, from) = text::fold(&block.text);
                let at = |folded: usize| from.get(folded).map_or(block.text.len(), |at| *at as usize);
                let found = self.input.rules.lexicons.find(&folded).into_iter();
                let own: Vec<_> = found.map(|(list, range)| (list, at(range.start)..at(range.end))).collect();
                hints.all.extend(own.iter().map(|(list, _)| *list));
                hints.blocks.push(own);
            }
            hints
        })
    }

    /// The number of a block of the document.
    fn index_of(&self, block: &Block) -> usize {
        let first = self.document.blocks.as_ptr().addr();
        std::ptr::from_ref(block).addr().wrapping_sub(first) / size_of::<Block>()
    }

    /// Phrases of the list in a part of a block's text, by place.
    fn phrases(&self, list: LexiconId, block: &Block, within: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let own = self.hints().blocks.get(self.index_of(block)).map_or(&[][..], Vec::as_slice);
        let start = own.partition_point(|(other, range)| (*other, range.start) < (list, within.start));
        let own = own.iter().skip(start).take_while(move |(other, range)| *other == list && range.start < within.end);
        own.map(|(_, range)| range.clone()).filter(move |range| range.end <= within.end)
    }

    /// Whether the document holds what the rule requires at all: most do not, which one look at the whole tells.
    pub(super) fn may_hold(&self, rule: &ProseRule) -> bool {
        rule.signals.iter().filter(|signal| signal.required).all(|signal| {
            if let Some(classes) = &signal.links {
                let all = self.classes.get_or_init(|| {
                    let links = |block: &'a Block| block.links.iter().map(move |link| (block, link));
                    let links = self.document.blocks.iter().flat_map(links);
                    let mut seen = HashSet::new();
                    let names = |block: &Block| files_named(block).next().is_some();
                    let distinct = links.filter(|(block, link)| seen.insert((names(block), link.target.as_str())));
                    distinct.flat_map(|(block, link)| link_classes(self.input, block, link)).collect()
                });
                return classes.iter().chain(&signal.weak_links).any(|class| all.contains(class.as_str()));
            }
            let Some(name) = signal.phrases.as_ref().filter(|_| signal.code_phrases.is_none()) else { return true };
            let mut lists = [name].into_iter().chain(&signal.or_phrases);
            let is_there = |list| self.hints().all.contains(&list);
            lists.any(|list| self.input.rules.lexicons.get(list).is_some_and(is_there))
        })
    }

    /// What is judged together in this scope.
    pub(super) fn units(&self, scope: Scope) -> &[Unit<'a>] {
        self.units[scope as usize].get_or_init(|| Unit::all(self.document, scope))
    }

    /// The score of a unit and what it is made of, if it is enough.
    pub(super) fn unit(&self, rule: &'a ProseRule, unit: &Unit<'a>) -> Option<(u32, Vec<Seen>)> {
        let mut score = 0;
        let mut places = Vec::new();
        // Required signals first: most text fails there, at little cost.
        let (required, optional): (Vec<&Signal>, Vec<&Signal>) =
            rule.signals.iter().partition(|signal| signal.required);
        for signal in required {
            places.extend(self.all_seen(signal, unit)?);
            score += signal.score;
        }
        for signal in optional {
            if let Some(seen) = self.all_seen(signal, unit) {
                score += signal.score;
                places.extend(seen);
            }
        }
        let mut once = HashSet::new();
        places.retain(|seen| once.insert(seen.clone()));
        (score >= rule.threshold).then_some((score, places))
    }

    fn all_seen(&self, signal: &'a Signal, unit: &Unit<'a>) -> Option<Vec<Seen>> {
        match &signal.reads {
            Some(name) => self.passage(name, signal.at_least, unit),
            // That is no place that one could look at.
            None if signal.in_skill => self.is_in_skill(unit).then(Vec::new),
            None => Some(vec![self.signal(signal, unit)?]),
        }
    }

    /// Whether a text is of a skill, so that an agent takes it for orders.
    fn is_in_skill(&self, unit: &Unit<'a>) -> bool {
        let arena = &self.input.expanded.arena;
        let mut files = arena.iter().filter(|artifact| artifact.is_file());
        // What a program prints is for its users.
        let is_read = unit.blocks.first().is_some_and(|block| {
            let (file, _) = arena.locate(Span::new(self.artifact, block.range.clone()));
            !arena.get(file.artifact).kind.is_code()
        });
        is_read && files.any(|file| is_skill_name(Path::new(file.path.name())))
    }

    fn signal(&self, signal: &Signal, unit: &Unit<'a>) -> Option<Seen> {
        if let Some(classes) = &signal.links {
            let strong = self.linked(unit.blocks.iter(), unit, classes);
            return strong.or_else(|| {
                let list = self.input.rules.lexicons.get(signal.weak_phrases.as_ref()?)?;
                let asks = |block: &&&Block| self.phrases(list, block, 0..block.text.len()).next().is_some();
                let asks = unit.blocks.iter().filter(asks);
                self.linked(asks, unit, &signal.weak_links)
            });
        }
        if let Some(name) = &signal.phrases {
            let mut lists = [name].into_iter().chain(&signal.or_phrases);
            return lists.find_map(|list| self.phrase(signal, list, unit));
        }
        if signal.unknown_helper {
            return self.unknown_helper(unit);
        }
        if let Some(classes) = &signal.addresses {
            return unit.blocks.iter().find_map(|block| self.address(block, classes));
        }
        if signal.email {
            return unit.blocks.iter().filter(|block| block.is_prose()).find_map(|block| {
                let range = unit.sentence.clone().unwrap_or(0..block.text.len());
                let text = text::slice(&block.text, range.clone());
                let at = email_address(text)?;
                Some((block.source(range.start + at.start..range.start + at.end), "an e-mail address".to_owned()))
            });
        }
        if signal.per_os {
            return self.per_os(unit);
        }
        if signal.repeated {
            return self.repeated(unit);
        }
        if signal.in_description {
            let block =
                unit.blocks.first().filter(|block| block.kind == BlockKind::FrontMatter("description".to_owned()))?;
            return Some((
                block.range.clone(),
                "in the description, which is always in the agent's context".to_owned(),
            ));
        }
        None
    }

    fn linked<'u>(
        &self,
        blocks: impl Iterator<Item = &'u &'a Block>,
        unit: &Unit<'a>,
        classes: &[String],
    ) -> Option<Seen>
    where
        'a: 'u,
    {
        let links = blocks.flat_map(|block| links_in(block, unit).map(move |link| (block, link)));
        links.into_iter().find_map(|(block, link)| {
            let own = link_classes(self.input, block, link);
            let class = classes.iter().find(|class| own.contains(class.as_str()))?;
            Some((link.range.clone(), format!("leads to: {class}")))
        })
    }

    /// An address that leads to one of these classes, in prose or in code.
    fn address(&self, block: &Block, classes: &[String]) -> Option<Seen> {
        let note = |target: &str| {
            let own = target_classes(self.input, target);
            Some(format!("leads to: {}", classes.iter().find(|class| own.contains(class.as_str()))?))
        };
        if block.is_prose() {
            return block.links.iter().find_map(|link| Some((link.range.clone(), note(&link.target)?)));
        }
        addresses(&block.text).find_map(|(range, target)| Some((block.source(range), note(target)?)))
    }

    fn links<'u>(&self, unit: &'u Unit<'a>) -> Vec<&'u Link> {
        unit.blocks.iter().flat_map(|block| links_in(block, unit)).collect()
    }

    fn phrase(&self, signal: &Signal, name: &str, unit: &Unit<'_>) -> Option<Seen> {
        let lexicons = &self.input.rules.lexicons;
        let list = lexicons.get(name)?;
        for block in &unit.blocks {
            let inline = block.code.iter().map(|code| code.at.clone());
            let whole = (!block.is_prose()).then_some(0..block.text.len());
            let mut code = whole.into_iter().chain(inline);
            let in_code = signal.code_phrases.as_ref();
            if let Some(seen) = in_code.and_then(|name| code.find_map(|code| self.code_phrase(name, block, code))) {
                return Some(seen);
            }
            if !block.is_prose() {
                continue;
            }
            let range = match &unit.sentence {
                Some(_) if signal.nearby => unit.nearby.clone(),
                Some(sentence) => sentence.clone(),
                None => 0..block.text.len(),
            };
            for Range { start, end } in self.phrases(list, block, range) {
                let is_head = block.kind == BlockKind::Cell && block.row == 0;
                if signal.token
                    && !is_head
                    && !is_token_after(text::slice(&block.text, end..block.text.len()), block, end)
                {
                    continue;
                }
                if let Some(unless) = &signal.unless {
                    let sentence = text::sentence_at(&block.text, start);
                    if lexicons.holds(unless, &without_addresses(text::slice(&block.text, sentence))) {
                        continue;
                    }
                }
                return Some((block.source(start..end), format!("phrase: {}", name.replace('-', " "))));
            }
        }
        None
    }

    fn code_phrase(&self, name: &str, block: &Block, code: Range<usize>) -> Option<Seen> {
        let (folded, from) = text::fold(text::slice(&block.text, code.clone()));
        let found = self.input.rules.lexicons.all(name, &folded).next()?;
        let at = |folded_at: usize| from.get(folded_at).map_or(code.end, |&at| code.start + at as usize);
        let next = text::slice(&block.text, at(found.end)..code.end).trim_start_matches([' ', '"', '\'', ':', '=']);
        if is_placeholder(next) {
            return None;
        }
        Some((block.source(at(found.start)..at(found.end)), format!("phrase: {}", name.replace('-', " "))))
    }

    /// A file to download whose name no one knows.
    fn unknown_helper(&self, unit: &Unit<'a>) -> Option<Seen> {
        let declared = declared_names(self.document);
        let links = unit.blocks.iter().flat_map(|block| links_in(block, unit).map(move |link| (block, link)));
        links.into_iter().find_map(|(block, link)| {
            let is_nobodys = || target_classes(self.input, &link.target).contains("unknown");
            let beside = || files_named(block).next().filter(|_| is_nobodys()).and_then(helper_name);
            let name = helper_name(&link.target).or_else(|| helper_name(&link.text)).or_else(beside)?;
            let known = self.input.rules.tools.contains(&name)
                || self.input.rules.tools.contains(&name.replace(['-', '_'], " "))
                || declared.contains(&name)
                || name.split(['-', '_', '.']).any(|part| {
                    part.len() >= 3 && self.input.rules.tools.contains(part) && part != "agent" && part != "cli"
                });
            (!known).then(|| {
                (link.range.clone(), format!("downloads `{name}`, which is no well-known tool and is declared nowhere"))
            })
        })
    }

    fn per_os(&self, unit: &Unit<'_>) -> Option<Seen> {
        let mut seen: Vec<(&str, BTreeSet<String>, Range<usize>)> = Vec::new();
        let mut current: Option<usize> = None;
        for block in &unit.blocks {
            if block.is_prose() {
                let (folded, _) = text::fold(text::slice(&block.text, 0..block.text.len().min(120)));
                for (os, words) in [
                    ("windows", &["windows"][..]),
                    ("macos", &["macos", "mac os", "mac users", "for mac"][..]),
                    ("linux", &["linux"][..]),
                ] {
                    if words.iter().any(|word| folded.contains(word)) {
                        current = Some(seen.iter().position(|(name, ..)| *name == os).unwrap_or_else(|| {
                            seen.push((os, BTreeSet::new(), block.range.clone()));
                            seen.len() - 1
                        }));
                    }
                }
            }
            let Some((_, origins, _)) = current.and_then(|at| seen.get_mut(at)) else { continue };
            origins
                .extend(block.links.iter().filter_map(|link| Some(self.input.rules.hosts.place(&link.target)?.host)));
            if matches!(block.kind, BlockKind::Code(_)) {
                origins.insert("a command".to_owned());
            }
        }
        let with_origin: Vec<_> = seen.iter().filter(|(_, origins, _)| !origins.is_empty()).collect();
        let differ = with_origin.windows(2).any(|pair| pair[0].1.is_disjoint(&pair[1].1));
        let (_, _, range) = with_origin.first()?;
        (with_origin.len() >= 2 && differ)
            .then(|| (range.clone(), "each system is sent to a different place".to_owned()))
    }

    fn repeated(&self, unit: &Unit<'a>) -> Option<Seen> {
        let place_of = |block: &Block| (block.section, matches!(block.kind, BlockKind::FrontMatter(_)));
        let here = place_of(unit.blocks.first()?);
        let downloads = self.downloads.get_or_init(|| {
            let mut downloads: HashMap<&str, Vec<(Place, &Link)>> = HashMap::new();
            for block in &self.document.blocks {
                for link in block.links.iter().filter(|link| is_download(self.input, &link.target)) {
                    let places = downloads.entry(&link.target).or_default();
                    // Two different places are enough to know of one that is another.
                    if places.len() < 2 && !places.iter().any(|(place, _)| *place == place_of(block)) {
                        places.push((place_of(block), link));
                    }
                }
            }
            downloads
        });
        let mut elsewhere = self.links(unit).into_iter().filter_map(|link| {
            downloads.get(link.target.as_str())?.iter().find(|(place, _)| *place != here).map(|(_, link)| *link)
        });
        elsewhere.next().map(|link| (link.range.clone(), "and again in another section".to_owned()))
    }
}

fn links_in<'b>(block: &'b Block, unit: &Unit<'_>) -> impl Iterator<Item = &'b Link> {
    let within = unit.sentence.clone().map(|sentence| block.source(sentence));
    block.links.iter().filter(move |link| {
        within.as_ref().is_none_or(|range| link.range.start < range.end && range.start < link.range.end)
    })
}

/// Names that the package itself declares: its own, required programs, installers.
fn declared_names(document: &Document) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for string in document.front.iter().flat_map(|front| &front.strings) {
        let key = string.key.as_str();
        if key == "name" || key.contains("bins") || key.contains("install") {
            names.insert(string.text.to_ascii_lowercase());
        }
    }
    names
}

/// A sentence, folded, without the addresses in it: what a host is called is nothing that the sentence says.
fn without_addresses(sentence: &str) -> String {
    let (folded, _) = text::fold(sentence);
    if !folded.contains("://") {
        return folded;
    }
    folded.split(' ').map(|word| if word.contains("://") { "_" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Whether a value is to be filled in by the reader or a variable.
fn is_placeholder(text: &str) -> bool {
    text.is_empty() || text.starts_with(['<', '$', '{', '%', '['])
}

/// Whether a literal token follows: in quotes or code, or one odd word after a colon.
fn is_token_after(rest: &str, block: &Block, end: usize) -> bool {
    let near = text::slice(rest, 0..rest.len().min(48));
    let source = block.source(end..end + near.len().max(1));
    if let Some(code) = block.code.iter().find(|code| source.start <= code.range.start && code.range.start < source.end)
    {
        return !is_placeholder(block.text.get(code.at.clone()).unwrap_or(""));
    }
    const IS: [&str; 16] = [
        "is ", "lautet ", "lautet: ", "ist ", "est ", "es ", "é ", "zijn ", "это ", "为", "是", "就是", "は", "が",
        "은 ", "는 ",
    ];
    const OPENING: [char; 10] = ['"', '\'', '“', '„', '‘', '「', '«', '`', '(', '*'];
    let named = near.trim_start();
    let is = IS.iter().find(|is| named.starts_with(*is));
    let near = is.map_or(near, |is| named.get(is.len()..).unwrap_or(""));
    let trimmed = near
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | '=' | '*' | '_' | '-' | '–' | '—'));
    let after_sign = near.len() - trimmed.len() > 0 && near.trim_start().starts_with([':', '：', '=', '-', '–', '—']);
    let quoted = trimmed.starts_with(OPENING) || is.is_some();
    let word: String = trimmed
        .trim_start_matches(OPENING)
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '!' | '@' | '#' | '$'))
        .collect();
    // The name of what is filled in (`@FTP_PASS`), or what a program calls to get it.
    let is_name = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let value = trimmed.trim_start_matches(OPENING).trim_start();
    let is_call = value.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')).starts_with('(');
    let is_set = near.trim_start().starts_with('=') && value.starts_with(char::is_alphabetic);
    if word.strip_prefix('@').is_some_and(is_name) || (is_set && is_call) {
        return false;
    }
    let is_odd = word.chars().any(|c| c.is_ascii_digit()) || word.chars().count() <= 16;
    !word.is_empty() && is_odd && (after_sign || quoted || word.chars().any(|c| c.is_ascii_digit()))
}
