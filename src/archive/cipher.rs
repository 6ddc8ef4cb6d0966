//! The traditional encryption of ZIP (APPNOTE 6.1). Broken for decades, which
//! is why attackers who want filters blind and victims served still use it.

/// Key state of one password.
struct Keys([u32; 3]);

impl Keys {
    fn new(password: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        for &byte in password {
            keys.update(byte);
        }
        keys
    }

    fn update(&mut self, byte: u8) {
        let [a, b, c] = &mut self.0;
        *a = crc32(*a, byte);
        *b = b.wrapping_add(*a & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        *c = crc32(*c, (*b >> 24) as u8);
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let word = (self.0[2] | 2) & 0xffff;
        let plain = byte ^ (word.wrapping_mul(word ^ 1) >> 8) as u8;
        self.update(plain);
        plain
    }
}

/// One step of CRC-32 without its inversions.
fn crc32(crc: u32, byte: u8) -> u32 {
    let mut crc = crc ^ u32::from(byte);
    for _ in 0..8 {
        crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    }
    crc
}

/// Decrypts a member; `None` if the header says that the password is wrong.
pub fn decrypt(data: &[u8], password: &[u8], check: u8) -> Option<Vec<u8>> {
    let (header, content) = data.split_at_checked(12)?;
    let mut keys = Keys::new(password);
    let mut last = 0;
    for &byte in header {
        last = keys.decrypt(byte);
    }
    (last == check).then(|| content.iter().map(|&byte| keys.decrypt(byte)).collect())
}
