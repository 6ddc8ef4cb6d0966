//! Archives, honest and lying ones.

/// How one member of an archive lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// It is a link.
    Link,
    /// Its checksum is wrong.
    Checksum,
    /// The header before it names it otherwise than the directory.
    OtherName,
    /// Its 64-bit sizes are not its sizes.
    WideSize,
    /// Its 64-bit offset is that of the first member.
    WideOffset,
    /// It is packed, to a thousandth of what it is.
    Packed,
    /// It is encrypted, it says.
    Encrypted,
}

/// An archive of files as they are, uncompressed.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let members: Vec<(&str, &[u8], Lie)> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice(), Lie::None)).collect();
    lying_zip(&members)
}

/// An archive in which some members lie.
pub(crate) fn lying_zip(members: &[(&str, &[u8], Lie)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes, lie) in members {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let sum = if *lie == Lie::Checksum { !crc.sum() } else { crc.sum() };
        let data = if *lie == Lie::Packed { deflated(bytes) } else { bytes.to_vec() };
        let (size, packed) = (of_32(bytes.len()), of_32(data.len()));
        let offset = of_32(out.len());
        let local_name = if *lie == Lie::OtherName {
            name.replace(|c: char| c.is_ascii_lowercase(), "x")
        } else {
            (*name).to_owned()
        };
        let flags = u8::from(*lie == Lie::Encrypted);
        let method = if *lie == Lie::Packed { 8 } else { 0 };
        let fields = |packed: [u8; 4], size: [u8; 4], extra: u8| {
            let length = u16::try_from(name.len()).expect("it is short").to_le_bytes();
            let head = [20, 0, flags, 0, method, 0, 0, 0, 0x21, 0];
            [&head[..], &sum.to_le_bytes(), &packed, &size, &length, &[extra, 0]].concat()
        };
        out.extend([b"PK\x03\x04", &fields(packed, size, 0)[..], local_name.as_bytes(), &data].concat());
        let mode: u32 = if *lie == Lie::Link { 0o120_777 } else { 0o100_644 };
        const WIDE: [u8; 4] = [0xff; 4];
        let (packed, size, offset, extra) = match lie {
            Lie::WideSize => (WIDE, WIDE, offset, [wide(1 << 40), wide(1 << 40)].concat()),
            Lie::WideOffset => (packed, size, WIDE, wide(0).to_vec()),
            _ => (packed, size, offset, Vec::new()),
        };
        let extra = match extra.len() {
            0 => extra,
            length => [&[1, 0, u8::try_from(length).expect("it is short"), 0], &extra[..]].concat(),
        };
        let length = u8::try_from(extra.len()).expect("it is short");
        let rest = [&[0, 0, 0, 0, 0, 0][..], &(mode << 16).to_le_bytes(), &offset].concat();
        let head = [b"PK\x01\x02\x14\x03", &fields(packed, size, length)[..], &rest].concat();
        directory.extend([&head[..], name.as_bytes(), &extra].concat());
    }
    let count = u16::try_from(members.len()).expect("they are few").to_le_bytes();
    let (size, start) = (of_32(directory.len()), of_32(out.len()));
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat());
    out
}

/// An archive whose 64-bit directory lists all members, and whose other one the first `shown` of them.
pub(crate) fn two_directories(members: &[(&str, &[u8], Lie)], shown: usize) -> Vec<u8> {
    let (all, few) = (lying_zip(members), lying_zip(&members[..shown]));
    let ((start, size), (few_start, few_size)) = (directory_of(&all), directory_of(&few));
    let mut out = all[..start + size].to_vec();
    let end64 = out.len() as u64;
    let count = wide(members.len() as u64);
    let head = [&wide(44)[..], &[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0], &count, &count].concat();
    out.extend([b"PK\x06\x06", &head[..], &wide(size as u64), &wide(start as u64)].concat());
    out.extend([b"PK\x06\x07\0\0\0\0", &wide(end64)[..], &[1, 0, 0, 0]].concat());
    let second = of_32(out.len());
    out.extend(&few[few_start..few_start + few_size]);
    let count = u16::try_from(shown).expect("they are few").to_le_bytes();
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &of_32(few_size), &second, &[0, 0]].concat());
    out
}

/// An archive whose end names the place of one directory, while another one, without the first member, stands right
/// before it.
pub(crate) fn directory_elsewhere(members: &[(&str, &[u8], Lie)]) -> Vec<u8> {
    let all = lying_zip(members);
    let (start, size) = directory_of(&all);
    let first = 46 + members[0].0.len();
    let mut second = all[start + first..start + size].to_vec();
    let mut at = 0;
    for (name, ..) in &members[1..] {
        // Who takes the second one for the directory takes the first one for data that shifts all offsets.
        let offset = number(&second, at + 42) - size;
        second[at + 42..at + 46].copy_from_slice(&of_32(offset));
        at += 46 + name.len();
    }
    let count = u16::try_from(members.len() - 1).expect("they are few").to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &of_32(second.len()), &of_32(start), &[0, 0]].concat();
    [&all[..start + size], &second, &end].concat()
}

/// Where the directory of an archive without a comment begins, and how long it is.
fn directory_of(bytes: &[u8]) -> (usize, usize) {
    let end = bytes.len() - 22;
    (number(bytes, end + 16), number(bytes, end + 12))
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).expect("memory can be written");
    writer.finish().expect("memory can be written")
}

fn of_32(value: usize) -> [u8; 4] {
    u32::try_from(value).expect("it is small").to_le_bytes()
}

fn wide(value: u64) -> [u8; 8] {
    value.to_le_bytes()
}
