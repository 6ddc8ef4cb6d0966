//! Who can reach what listens at an address.

use std::net::IpAddr;

/// Who can reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// This machine.
    Loopback,
    /// Members of the owner's own overlay network, such as Tailscale.
    Overlay,
    /// The local network.
    Private,
    /// Whoever can route to it, or every network of the machine.
    Public,
}

impl Reach {
    /// Who can reach an address that something listens at.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() => Self::Loopback,
            IpAddr::V4(address) => {
                let [first, second, ..] = address.octets();
                match () {
                    () if first == 100 && (64..128).contains(&second) => Self::Overlay,
                    () if address.is_private() || address.is_link_local() => Self::Private,
                    () => Self::Public,
                }
            }
            IpAddr::V6(address) => match address.segments() {
                [0xfd7a, 0x115c, 0xa1e0, ..] => Self::Overlay,
                [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 => Self::Private,
                _ => Self::Public,
            },
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "this machine only",
            Self::Overlay => "the overlay network",
            Self::Private => "the local network",
            Self::Public => "every network that this machine is on",
        }
    }
}
