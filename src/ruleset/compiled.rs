//! Compiled YARA rules: those that the build script made, or a user's own.

use std::sync::LazyLock;

static EMBEDDED: LazyLock<yara_x::Rules> = LazyLock::new(|| {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/rules.yarac"));
    yara_x::Rules::deserialize(bytes).expect("the build script compiled them with the same version")
});

/// Where the compiled rules come from.
pub(crate) enum Compiled {
    /// Built in; read once in a process, when they are first needed.
    Embedded,
    /// Compiled from files.
    Own(Box<yara_x::Rules>),
}

impl Compiled {
    /// Reads the built-in rules now, beside whatever else is done.
    pub(crate) fn prefetch() {
        std::thread::spawn(|| LazyLock::force(&EMBEDDED));
    }

    /// The rules themselves.
    pub(crate) fn rules(&self) -> &yara_x::Rules {
        match self {
            Self::Embedded => &EMBEDDED,
            Self::Own(rules) => rules,
        }
    }
}
