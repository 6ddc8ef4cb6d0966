//! Integers and text of either byte order, read where they stand. Refuses to
//! read beyond the end.

/// Which byte of an integer comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The most significant one.
    Big,
    /// The least significant one.
    Little,
}

impl Order {
    /// Two bytes at `at` as a number.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<usize> {
        let field = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(usize::from(match self {
            Self::Big => u16::from_be_bytes(field),
            Self::Little => u16::from_le_bytes(field),
        }))
    }

    /// Four bytes at `at` as a number.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<usize> {
        let field = *bytes.get(at..)?.first_chunk::<4>()?;
        let number = match self {
            Self::Big => u32::from_be_bytes(field),
            Self::Little => u32::from_le_bytes(field),
        };
        usize::try_from(number).ok()
    }

    /// Eight bytes at `at` as a number.
    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Option<usize> {
        let field = *bytes.get(at..)?.first_chunk::<8>()?;
        let number = match self {
            Self::Big => u64::from_be_bytes(field),
            Self::Little => u64::from_le_bytes(field),
        };
        usize::try_from(number).ok()
    }

    /// UTF-16 as text; a byte order mark at its start has the last word.
    pub(super) fn text(self, bytes: &[u8]) -> String {
        let (order, rest) = match bytes {
            [0xff, 0xfe, rest @ ..] => (Self::Little, rest),
            [0xfe, 0xff, rest @ ..] => (Self::Big, rest),
            _ => (self, bytes),
        };
        let units = rest.chunks_exact(2).filter_map(|pair| order.u16(pair, 0)).map(|unit| unit as u16);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }
}
