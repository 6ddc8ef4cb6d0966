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
        let size = u32::try_from(bytes.len()).expect("it is small");
        let offset = u32::try_from(out.len()).expect("it is small");
        let length = u16::try_from(name.len()).expect("it is short");
        let local_name = if *lie == Lie::OtherName {
            name.replace(|c: char| c.is_ascii_lowercase(), "x")
        } else {
            (*name).to_owned()
        };
        let fields: Vec<u8> = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..],
            &sum.to_le_bytes(),
            &size.to_le_bytes(),
            &size.to_le_bytes(),
            &length.to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        out.extend([b"PK\x03\x04", &fields[..], local_name.as_bytes(), bytes].concat());
        let mode: u32 = if *lie == Lie::Link { 0o120_777 } else { 0o100_644 };
        let rest = [&[0, 0, 0, 0, 0, 0][..], &(mode << 16).to_le_bytes(), &offset.to_le_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x03", &fields[..], &rest[..], name.as_bytes()].concat());
    }
    let count = u16::try_from(members.len()).expect("they are few").to_le_bytes();
    let size = u32::try_from(directory.len()).expect("it is small").to_le_bytes();
    let start = u32::try_from(out.len()).expect("it is small").to_le_bytes();
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat());
    out
}
