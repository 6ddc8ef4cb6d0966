//! Artifacts: the files of a package and everything decoded or cut out of
//! them, in one arena and addressed by id, each with the way back to its file.

use std::ops::Range;
use std::sync::Arc;

use crate::package::SkillPath;
use crate::parse::{Body, Kind};

/// Index of an artifact in its [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId(pub(crate) u32);

/// A byte range of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Whose bytes.
    pub artifact: ArtifactId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of `range` in `artifact`.
    pub fn new(artifact: ArtifactId, range: Range<usize>) -> Self {
        Self { artifact, start: range.start as u32, end: range.end.max(range.start) as u32 }
    }

    /// The span as a range of indices.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether both spans are of one artifact and share a byte (or touch, if either is empty).
    pub fn overlaps(self, other: Self) -> bool {
        self.artifact == other.artifact && self.start <= other.end && other.start <= self.end
    }
}

/// How a derived artifact came out of its input. The names are those of the `trail` in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Fenced or indented code block of a Markdown document.
    CodeBlock,
    /// Inline code of a Markdown document.
    InlineCode,
    /// Text of a Markdown block that reads differently from its bytes.
    Prose,
    /// String of JSON, YAML, TOML or front matter.
    DataString,
    /// Script of a manifest, which a package manager runs.
    ManifestScript,
    /// String literal of a program.
    StringLiteral,
    /// String literal that a program hands to a shell or process.
    ProcessCall,
    /// Comment of a program.
    Comment,
    /// Text that a shell command hands to another interpreter.
    ShellArgument,
    /// Script inside markup.
    MarkupScript,
    /// Comment or other part of a document that is not shown.
    Hidden,
    /// Base64, either alphabet.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// Percent-encoding.
    Percent,
    /// `\x41`, `\u0041` and octal escapes.
    Escape,
    /// Character references of HTML and XML.
    Entity,
    /// Characters that do not render were taken out.
    Stripped,
    /// Unicode tag characters read as ASCII.
    TagCharacters,
    /// Unicode variation selectors read as bytes.
    VariationSelectors,
    /// Text in another encoding than UTF-8, read as it is meant.
    Transcoded,
    /// A member of an archive.
    ArchiveMember,
    /// A compressed stream.
    Inflated,
    /// What follows the end of a format's own data.
    Trailer,
    /// Text that a picture, font or sound carries beside its content.
    Metadata,
    /// The text that a document shows.
    DocumentText,
    /// A macro or script of a document.
    DocumentScript,
    /// A file inside a document.
    EmbeddedFile,
    /// Printable text inside binary content.
    Strings,
    /// Text constants of a pickle.
    Pickle,
    /// Constants and names of compiled code.
    Bytecode,
    /// Cell of a notebook.
    NotebookCell,
    /// Part of a file that is too large to be read whole.
    Window,
    /// A text that a program puts together from constants.
    Folded,
    /// Commands of a script as they run.
    Followed,
    /// Result of a shell pipeline of literals (`rev`, `tr`, `xxd` and the like).
    ShellPipeline,
}

impl Op {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeBlock => "code-block",
            Self::InlineCode => "inline-code",
            Self::Prose => "prose",
            Self::DataString => "data-string",
            Self::ManifestScript => "manifest-script",
            Self::StringLiteral => "string-literal",
            Self::ProcessCall => "process-call",
            Self::Comment => "comment",
            Self::ShellArgument => "shell-argument",
            Self::MarkupScript => "markup-script",
            Self::Hidden => "hidden",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent",
            Self::Escape => "escape",
            Self::Entity => "entity",
            Self::Stripped => "stripped",
            Self::TagCharacters => "tag-characters",
            Self::VariationSelectors => "variation-selectors",
            Self::Transcoded => "transcoded",
            Self::ArchiveMember => "archive-member",
            Self::Inflated => "inflated",
            Self::Trailer => "trailer",
            Self::Metadata => "metadata",
            Self::DocumentText => "document-text",
            Self::DocumentScript => "document-script",
            Self::EmbeddedFile => "embedded-file",
            Self::Strings => "strings",
            Self::Pickle => "pickle",
            Self::Bytecode => "bytecode",
            Self::NotebookCell => "notebook-cell",
            Self::Window => "window",
            Self::Folded => "folded",
            Self::Followed => "followed",
            Self::ShellPipeline => "shell-pipeline",
        }
    }

    /// Whether the op decodes: its result does not stand in the file for a reader to see.
    pub fn is_decoding(self) -> bool {
        matches!(
            self,
            Self::Base64
                | Self::Hex
                | Self::Percent
                | Self::Escape
                | Self::Entity
                | Self::Stripped
                | Self::TagCharacters
                | Self::VariationSelectors
                | Self::ShellPipeline
        )
    }
}

/// A run of derived bytes and the input bytes that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// First derived byte.
    pub at: u32,
    /// First input byte.
    pub from: u32,
    /// Length in the derived artifact.
    pub len: u32,
    /// Length in the input.
    pub from_len: u32,
}

/// How derived offsets map to input offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Map {
    /// No byte-wise relation: everything came from the whole input.
    Opaque,
    /// Sorted runs; equal lengths map byte by byte, others as a whole.
    Pieces(Vec<Piece>),
}

impl Map {
    /// The map of a plain sub-slice that starts at `from`.
    pub fn slice(range: Range<usize>) -> Self {
        let len = (range.end - range.start) as u32;
        Self::Pieces(vec![Piece { at: 0, from: range.start as u32, len, from_len: len }])
    }

    fn input(&self, whole: Range<usize>, range: Range<usize>) -> Range<usize> {
        let Self::Pieces(pieces) = self else { return whole };
        let (start, end) = (range.start as u32, range.end as u32);
        let mut low = None;
        let mut high = None;
        let first = pieces.partition_point(|p| p.at + p.len <= start);
        let empty = start == end;
        for piece in pieces.get(first..).unwrap_or(&[]) {
            if piece.at > end || (piece.at == end && !empty && low.is_some()) {
                break;
            }
            let exact = piece.len == piece.from_len;
            let from = |at: u32| {
                if exact { piece.from + at.clamp(piece.at, piece.at + piece.len) - piece.at } else { piece.from }
            };
            low.get_or_insert_with(|| from(start));
            let to = if exact { from(end) } else { piece.from + piece.from_len };
            high = Some(high.unwrap_or(0).max(to));
        }
        match (low, high) {
            (Some(low), Some(high)) => low as usize..high.max(low) as usize,
            _ => whole.end..whole.end,
        }
    }
}

/// Where a derived artifact came from.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// What was done.
    pub op: Op,
    /// What it was done to; never empty, outermost reading order.
    pub inputs: Vec<Span>,
    /// How offsets relate to the first input's artifact.
    pub map: Map,
}

/// One file of a package, or one thing derived from it.
pub struct Artifact {
    /// Its own id.
    pub id: ArtifactId,
    /// Path of the file that it is, or that it came out of.
    pub path: Arc<SkillPath>,
    /// Path inside the innermost archive that it came out of.
    pub member: Option<Arc<SkillPath>>,
    /// Content.
    pub bytes: Arc<[u8]>,
    /// What the content is.
    pub kind: Kind,
    /// Decoding layers between the file and this.
    pub depth: u8,
    /// `None` for a file.
    pub derivation: Option<Derivation>,
    /// Parsed form.
    pub body: Body,
}

impl Artifact {
    /// The name that it goes by: inside its archive, if it came out of one.
    pub fn named(&self) -> &SkillPath {
        self.member.as_deref().unwrap_or(&self.path)
    }

    /// Whether it is a file by itself: one of the package, or a member of an archive.
    pub fn is_file(&self) -> bool {
        self.derivation.as_ref().is_none_or(|d| matches!(d.op, Op::ArchiveMember | Op::EmbeddedFile))
    }

    /// The whole content as a span.
    pub fn span(&self) -> Span {
        Span::new(self.id, 0..self.bytes.len())
    }

    /// The bytes of `range`, empty where out of bounds.
    pub fn get(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or(b"")
    }

    /// Whether the bytes are one unchanged run of the parent's, so that
    /// position-free patterns cannot match here and not there.
    pub fn is_slice(&self) -> bool {
        self.derivation.as_ref().is_some_and(
            |d| matches!(&d.map, Map::Pieces(pieces) if matches!(pieces.as_slice(), [one] if one.len == one.from_len)),
        )
    }
}

/// One layer on the way from a file to the place of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What was done.
    pub op: Op,
    /// To which bytes (of a file, or of the layer before).
    pub input: Span,
    /// What came out, and which part of it matters here.
    pub output: Span,
}

/// All artifacts of one package.
#[derive(Default)]
pub struct Arena {
    artifacts: Vec<Artifact>,
}

impl Arena {
    /// Adds an artifact and returns its id.
    pub(crate) fn push(&mut self, make: impl FnOnce(ArtifactId) -> Artifact) -> ArtifactId {
        let id = ArtifactId(self.artifacts.len() as u32);
        self.artifacts.push(make(id));
        id
    }

    /// The artifact with this id.
    ///
    /// # Panics
    /// If the id is of another arena.
    pub fn get(&self, id: ArtifactId) -> &Artifact {
        &self.artifacts[id.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, id: ArtifactId) -> &mut Artifact {
        &mut self.artifacts[id.0 as usize]
    }

    /// All artifacts, parents before what was derived from them.
    pub fn iter(&self) -> impl Iterator<Item = &Artifact> {
        self.artifacts.iter()
    }

    /// How many artifacts there are.
    pub fn len(&self) -> usize {
        self.artifacts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.artifacts.is_empty()
    }

    /// The bytes of a span.
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.get(span.artifact).get(span.range())
    }

    /// Follows a span one layer outwards; `None` for a span of a file.
    pub fn parent(&self, span: Span) -> Option<(Op, Span)> {
        let derivation = self.get(span.artifact).derivation.as_ref()?;
        let input = *derivation.inputs.first()?;
        let range = derivation.map.input(input.range(), span.range());
        Some((derivation.op, Span::new(input.artifact, range)))
    }

    /// The span in a real file that stands for `span`, and the layers outermost first.
    pub fn locate(&self, span: Span) -> (Span, Vec<Layer>) {
        let mut layers = Vec::new();
        let mut here = span;
        while let Some((op, outer)) = self.parent(here) {
            layers.push(Layer { op, input: outer, output: here });
            here = outer;
        }
        layers.reverse();
        (here, layers)
    }

    /// The artifact and all it was derived from, innermost first, with the span at each level.
    pub fn chain(&self, span: Span) -> impl Iterator<Item = (&Artifact, Span)> {
        std::iter::successors(Some(span), |&here| self.parent(here).map(|(_, outer)| outer))
            .map(|here| (self.get(here.artifact), here))
    }
}
