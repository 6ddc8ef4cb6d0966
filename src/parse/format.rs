//! What binary content is, by its own bytes and never by its name.

use crate::parse::binary::{bytecode, pickle};

/// Formats that are told apart. What each is worth to a rule is in its [`Group`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Zip,
    Tar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    SevenZip,
    Rar,
    Cab,
    DiskImage,
    /// Another archive or compressed file that is known and not opened: `ar`, cpio, RPM, LZ4, LZMA, compress, lzip,
    /// SquashFS, LZO.
    Packed,
    Asar,
    Pdf,
    Ole,
    Png,
    Jpeg,
    Gif,
    Riff,
    Bmp,
    Ico,
    Mp3,
    Sfnt,
    Woff,
    Woff2,
    Elf,
    Pe,
    MachO,
    Dex,
    ShellLink,
    Class,
    Wasm,
    Pyc,
    Pickle,
    Unknown,
}

/// What a format is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Holds files.
    Archive,
    /// Shows text.
    Document,
    /// Picture or sound.
    Media,
    /// Letter shapes.
    Font,
    /// Runs by itself.
    Program,
    /// Runs in something else.
    Bytecode,
    /// Anything.
    Data,
}

impl Format {
    /// Name in reports and for rules.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it is for.
    pub fn group(self) -> Group {
        self.row().1
    }

    fn row(self) -> (&'static str, Group) {
        match self {
            Self::Zip => ("zip", Group::Archive),
            Self::Tar => ("tar", Group::Archive),
            Self::Gzip => ("gzip", Group::Archive),
            Self::Bzip2 => ("bzip2", Group::Archive),
            Self::Xz => ("xz", Group::Archive),
            Self::Zstd => ("zstd", Group::Archive),
            Self::SevenZip => ("7z", Group::Archive),
            Self::Rar => ("rar", Group::Archive),
            Self::Cab => ("cab", Group::Archive),
            Self::Packed => ("packed", Group::Archive),
            Self::DiskImage => ("disk-image", Group::Archive),
            Self::Asar => ("asar", Group::Archive),
            Self::Pdf => ("pdf", Group::Document),
            Self::Ole => ("ole", Group::Document),
            Self::Png => ("png", Group::Media),
            Self::Jpeg => ("jpeg", Group::Media),
            Self::Gif => ("gif", Group::Media),
            Self::Riff => ("riff", Group::Media),
            Self::Bmp => ("bmp", Group::Media),
            Self::Ico => ("ico", Group::Media),
            Self::Mp3 => ("mp3", Group::Media),
            Self::Sfnt => ("font", Group::Font),
            Self::Woff => ("woff", Group::Font),
            Self::Woff2 => ("woff2", Group::Font),
            Self::Elf => ("elf", Group::Program),
            Self::Pe => ("pe", Group::Program),
            Self::MachO => ("mach-o", Group::Program),
            Self::Dex => ("dex", Group::Program),
            Self::ShellLink => ("shell-link", Group::Program),
            Self::Class => ("class", Group::Bytecode),
            Self::Wasm => ("wasm", Group::Bytecode),
            Self::Pyc => ("pyc", Group::Bytecode),
            Self::Pickle => ("pickle", Group::Bytecode),
            Self::Unknown => ("binary", Group::Data),
        }
    }

    /// The format that the bytes are in, if they are in one that is known.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        /// First bytes that no text begins with.
        const MAGIC: [(&[u8], Format); 39] = [
            (b"PK\x03\x04", Format::Zip),
            (b"PK\x05\x06", Format::Zip),
            (b"PK\x07\x08PK\x03\x04", Format::Zip),
            (b"\x1f\x8b\x08", Format::Gzip),
            (b"\xfd7zXZ\x00", Format::Xz),
            (b"\x28\xb5\x2f\xfd", Format::Zstd),
            (b"7z\xbc\xaf\x27\x1c", Format::SevenZip),
            (b"Rar!\x1a\x07", Format::Rar),
            (b"MSCF\x00\x00\x00\x00", Format::Cab),
            (b"xar!\x00\x1c", Format::DiskImage),
            (b"!<arch>\n", Format::Packed),
            (b"070701", Format::Packed),
            (b"070707", Format::Packed),
            (b"\xed\xab\xee\xdb", Format::Packed),
            (b"\x04\x22\x4d\x18", Format::Packed),
            (b"\x5d\x00\x00\x80\x00\xff", Format::Packed),
            (b"\x1f\x9d\x90", Format::Packed),
            (b"LZIP\x01", Format::Packed),
            (b"hsqs", Format::Packed),
            (b"\x89LZO\x00", Format::Packed),
            (b"\x04\x00\x00\x00", Format::Asar),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Ole),
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"\xff\xd8\xff", Format::Jpeg),
            (b"GIF87a", Format::Gif),
            (b"GIF89a", Format::Gif),
            (b"\x00\x00\x01\x00", Format::Ico),
            (b"\x00\x01\x00\x00\x00", Format::Sfnt),
            (b"OTTO\x00", Format::Sfnt),
            (b"true\x00", Format::Sfnt),
            (b"ttcf\x00", Format::Sfnt),
            (b"wOFF", Format::Woff),
            (b"wOF2", Format::Woff2),
            (b"\x7fELF", Format::Elf),
            (b"dex\n0", Format::Dex),
            (b"L\x00\x00\x00\x01\x14\x02\x00", Format::ShellLink),
            (b"\x00asm", Format::Wasm),
            (b"\xcf\xfa\xed\xfe", Format::MachO),
            (b"\xce\xfa\xed\xfe", Format::MachO),
        ];
        let found = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, format)| *format);
        match found {
            Some(Self::Asar) => is_asar(bytes).then_some(Self::Asar),
            Some(Self::Ico) => (bytes.len() >= 22 && bytes.get(5) == Some(&0)).then_some(Self::Ico),
            Some(format) => Some(format),
            None => Self::by_structure(bytes),
        }
    }

    /// Formats whose first bytes say too little by themselves.
    fn by_structure(bytes: &[u8]) -> Option<Self> {
        let at = |offset: usize, wanted: &[u8]| bytes.get(offset..offset + wanted.len()) == Some(wanted);
        let has_nul = bytes.get(..64.min(bytes.len())).is_some_and(|head| head.contains(&0));
        // Readers of PDF take the header anywhere in the first kilobyte.
        let head = bytes.get(..bytes.len().min(1024)).unwrap_or(b"");
        if at(0, b"%PDF-") || (!crate::parse::is_text(head) && memchr::memmem::find(head, b"%PDF-").is_some()) {
            return Some(Self::Pdf);
        }
        if at(0, b"BZh") && (at(4, b"1AY&SY") || at(4, b"\x17\x72\x45\x38\x50\x90")) {
            return Some(Self::Bzip2);
        }
        if at(0, b"RIFF") && bytes.len() >= 12 && has_nul {
            return Some(Self::Riff);
        }
        if at(0, b"BM") && at(6, &[0, 0, 0, 0]) && bytes.len() >= 26 {
            return Some(Self::Bmp);
        }
        if at(0, b"ID3") && bytes.get(3).is_some_and(|version| *version < 10) {
            return Some(Self::Mp3);
        }
        if at(0, b"MZ") && bytes.len() >= 64 && has_nul {
            return Some(Self::Pe);
        }
        if at(0, b"\xca\xfe\xba\xbe") {
            // Java took the magic of fat binaries; its version numbers are larger than any count of processors.
            let count = bytes.get(4..8).and_then(|b| b.try_into().ok()).map_or(u32::MAX, u32::from_be_bytes);
            return Some(if count < 20 { Self::MachO } else { Self::Class });
        }
        if at(0, b"\xfe\xed\xfa\xce") || at(0, b"\xfe\xed\xfa\xcf") || at(0, b"\xca\xfe\xba\xbf") {
            return Some(Self::MachO);
        }
        if at(257, b"ustar") || (has_nul && crate::archive::tar::is_header(bytes)) {
            return Some(Self::Tar);
        }
        if has_nul && at(0x8001, b"CD001") {
            return Some(Self::DiskImage);
        }
        if bytes.len() > 512 && bytes.get(bytes.len() - 512..).is_some_and(|end| end.starts_with(b"koly\x00")) {
            return Some(Self::DiskImage);
        }
        if bytecode::is_pyc(bytes) {
            return Some(Self::Pyc);
        }
        pickle::is_pickle(bytes).then_some(Self::Pickle)
    }
}

/// Electron's archive: a header in a pickle of sizes, and a JSON directory.
fn is_asar(bytes: &[u8]) -> bool {
    bytes.get(16..18) == Some(b"{\"")
}
