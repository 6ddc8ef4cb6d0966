//! Compressed streams that hold one thing: gzip, bzip2, xz, zstd.

use super::Room;
use crate::finding::GapKind;
use crate::parse::binary::inflate::{self, End};
use crate::parse::format::Format;

/// What a compressed stream held.
pub struct Unpacked {
    /// Everything that could be read.
    pub bytes: Vec<u8>,
    /// Name that the stream gives it.
    pub name: Option<Vec<u8>>,
    /// Comment of the stream.
    pub comment: Option<Vec<u8>>,
    /// What was not read.
    pub skipped: Option<(GapKind, String)>,
    /// Whether it grows beyond all reason.
    pub is_bomb: bool,
    /// Where the stream ends, if something follows it.
    pub end: Option<usize>,
}

/// Memory that a decoder may take for its window, in KiB.
const WINDOW: u32 = 64 * 1024;

/// First bytes of a frame of Zstandard, and of one that holds nothing (its last four bits are free).
const ZSTD: u32 = 0xfd2f_b528;
const ZSTD_SKIPPED: u32 = 0x184d_2a50;

/// Streams in one gzip file that are read; each takes some work to begin.
const MEMBERS: usize = 10_000;

/// Unpacks a stream; `None` for a format that is none.
pub fn read(format: Format, bytes: &[u8], room: Room) -> Option<Unpacked> {
    let most = room.most(bytes.len());
    if format == Format::Gzip {
        return Some(gzip(bytes, most));
    }
    let (out, end) = match format {
        Format::Bzip2 => inflate::read(&mut bzip2::bufread::MultiBzDecoder::new(bytes), most),
        Format::Xz => inflate::read(&mut lzma_rust2::XzReader::new_mem_limit(bytes, true, WINDOW), most),
        Format::Zstd => {
            let (out, end, used) = zstd(bytes, most);
            let mut unpacked = finish(out, end, most);
            unpacked.end = (end == End::Whole && used < bytes.len()).then_some(used);
            return Some(unpacked);
        }
        _ => return None,
    };
    Some(finish(out, end, most))
}

fn finish(bytes: Vec<u8>, end: End, most: usize) -> Unpacked {
    let skipped = match end {
        End::Whole => None,
        End::Truncated => Some((GapKind::Corrupt, "the compressed data is cut off or broken".to_owned())),
        End::TooLong => Some((GapKind::OverLimit, format!("only the first {most} bytes that it unpacks to were read"))),
    };
    Unpacked { bytes, name: None, comment: None, skipped, is_bomb: end == End::TooLong, end: None }
}

/// Members of a gzip file, one after the other, and what follows the last.
fn gzip(bytes: &[u8], most: usize) -> Unpacked {
    let mut rest = bytes;
    let mut out = Vec::new();
    let (mut name, mut comment) = (None, None);
    for member in 0.. {
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        let (part, end) = inflate::read(&mut decoder, most - out.len());
        if let Some(header) = decoder.header() {
            name = name.or_else(|| header.filename().map(<[u8]>::to_vec));
            comment = comment.or_else(|| header.comment().map(<[u8]>::to_vec));
        }
        rest = decoder.into_inner();
        out.extend(part);
        let used = bytes.len() - rest.len();
        let goes_on = rest.starts_with(b"\x1f\x8b\x08");
        if end != End::Whole || !goes_on || member == MEMBERS || out.len() >= most {
            let mut unpacked = finish(out, end, most);
            (unpacked.name, unpacked.comment) = (name, comment);
            unpacked.end = (end == End::Whole && !rest.is_empty()).then_some(used);
            if end == End::Whole && goes_on && unpacked.skipped.is_none() {
                let why = format!("only the first {} streams in it were read", member + 1);
                unpacked.skipped = Some((GapKind::OverLimit, why));
            }
            return unpacked;
        }
    }
    finish(out, End::Whole, most)
}

/// Frames of Zstandard, one after the other, and how many bytes they take; frames that hold nothing are skipped, as
/// unpackers do.
fn zstd(bytes: &[u8], most: usize) -> (Vec<u8>, End, usize) {
    let mut out = Vec::new();
    let mut rest = bytes;
    for _ in 0..MEMBERS {
        let mark = rest.first_chunk::<4>().map(|mark| u32::from_le_bytes(*mark));
        match mark {
            Some(ZSTD) => {
                let window = u64::from(WINDOW) * 1024;
                let Ok(mut decoder) = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut rest, window)
                else {
                    return (out, End::Truncated, bytes.len());
                };
                let (part, end) = inflate::read(&mut decoder, most - out.len());
                out.extend(part);
                if end != End::Whole || out.len() >= most {
                    return (out, end, bytes.len());
                }
            }
            Some(mark) if mark & !0xf == ZSTD_SKIPPED => {
                let size = rest.get(4..).and_then(|size| size.first_chunk::<4>()).map(|size| u32::from_le_bytes(*size));
                let next =
                    size.and_then(|size| usize::try_from(size).ok()?.checked_add(8)).and_then(|next| rest.get(next..));
                let Some(next) = next else { return (out, End::Truncated, bytes.len()) };
                rest = next;
            }
            _ => {
                return (
                    out,
                    if bytes.len() == rest.len() { End::Truncated } else { End::Whole },
                    bytes.len() - rest.len(),
                );
            }
        }
    }
    (out, End::TooLong, bytes.len())
}

/// Decompresses one member of an archive; `None` if the method is not supported.
pub(super) fn method(method: u16, data: &[u8], most: usize) -> Option<(Vec<u8>, End)> {
    Some(match method {
        0 if data.len() > most => (data.get(..most).unwrap_or(data).to_vec(), End::TooLong),
        0 => (data.to_vec(), End::Whole),
        8 => {
            let inflated = inflate::deflate(data, most);
            (inflated.bytes, inflated.end)
        }
        12 => inflate::read(&mut bzip2::bufread::MultiBzDecoder::new(data), most),
        93 => {
            let (out, end, _) = zstd(data, most);
            (out, end)
        }
        95 => inflate::read(&mut lzma_rust2::XzReader::new_mem_limit(data, true, WINDOW), most),
        _ => return None,
    })
}
