//! Secrets in what a report quotes: shape and length stay, the value goes.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::text;

/// Token formats that providers document, keys in text form, and values of secret-named keys.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    text::regex(
        r#"(?x)
        -----BEGIN\ [A-Z\ ]{0,24}PRIVATE\ KEY(?:\ BLOCK)?----- (?P<body> (?: [A-Za-z0-9+/=:,\s-] | \\[nr] )+ )
        | \b(?: [sr]k[-_][A-Za-z0-9_-]{16,} | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,}
          | xox[abeprs]-[A-Za-z0-9-]{10,} | xapp-[0-9]-[A-Za-z0-9-]{10,} | A[KS]IA[0-9A-Z]{16} | AIza[0-9A-Za-z_-]{30,}
          | GOCSPX-[A-Za-z0-9_-]{20,} | gl(?:pat|ptt|dt|rt|cbt|oas|soat)-[A-Za-z0-9_-]{16,} | npm_[A-Za-z0-9]{30,}
          | pypi-[A-Za-z0-9_-]{30,} | dckr_pat_[A-Za-z0-9_-]{20,} | rubygems_[a-f0-9]{40,} | cio[A-Za-z0-9]{32}
          | hf_[A-Za-z0-9]{30,} | gsk_[A-Za-z0-9]{20,} | xai-[A-Za-z0-9]{20,} | r8_[A-Za-z0-9]{30,} | pplx-[A-Za-z0-9]{20,}
          | tvly-[A-Za-z0-9-]{16,} | fc-[a-f0-9]{32} | lin_(?:api|oauth)_[A-Za-z0-9]{20,} | ntn_[A-Za-z0-9]{20,}
          | secret_[A-Za-z0-9]{40,} | pat[A-Za-z0-9]{14}\.[a-f0-9]{64} | PMAK-[a-f0-9-]{20,} | figd_[A-Za-z0-9_-]{20,}
          | shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32} | sq0csp-[A-Za-z0-9_-]{20,} | re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,}
          | key-[a-f0-9]{32} | EAA[A-Za-z0-9]{30,} | do[opr]_v1_[a-f0-9]{60,} | hvs\.[A-Za-z0-9_-]{20,} | dapi[a-f0-9]{32}
          | sbp_[a-f0-9]{40} | LTAI[A-Za-z0-9]{12,} | AKID[A-Za-z0-9]{13,} | dp\.(?:pt|st|ct)\.[A-Za-z0-9.]{20,}
          | AT(?:ATT3|BB|TA)[A-Za-z0-9_=-]{20,} | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
          | [MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,} | (?:SK|AC)[a-f0-9]{32}
          | [0-9]{8,10}:[A-Za-z0-9_-]{35} | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}
          | [1-9A-HJ-NP-Za-km-z]{86,88} )
        | (?: hooks\.slack\.com/services/ | discord(?:app)?\.com/api/webhooks/ | api\.telegram\.org/bot ) (?P<path> [A-Za-z0-9/_:-]{16,} )
        | (?i: (?:secret|token|passw(?:or)?d|api_?-?key|private_?-?key|access_?-?key|account_?-?key|auth)[A-Z0-9_-]{0,16}
            ["']?\s{0,2}[:=]\s{0,2}["']? ) (?P<value> [A-Za-z0-9+/_=.~-]{20,} )
        | (?i: (?:mnemonic|seed.?phrase|recovery.?phrase)[A-Z_-]{0,8} ["']?\s{0,2}[:=]\s{0,2}["']? )
            (?P<words> [a-z]{3,8}(?:\ [a-z]{3,8}){11,23} )"#,
    )
});

/// Text with each secret replaced, byte for byte, so that offsets stay true.
pub fn secrets(text: &str) -> String {
    match SECRET.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).map_or(0..0, |m| m.range());
        // What names the secret stays, and four characters of a token without a name.
        let named = ["body", "words"].iter().find_map(|name| found.name(name));
        let token = ["path", "value"].iter().find_map(|name| found.name(name));
        let shown = named.map(|value| value.start() - whole.start);
        let shown = shown.or_else(|| token.map(|value| value.start() + 4 - whole.start)).unwrap_or(4);
        let text = text.get(whole).unwrap_or("");
        let (shown, hidden) = text.split_at(shown.min(text.len()));
        let hidden = hidden.chars().map(|c| if c == '\n' { "\n".to_owned() } else { "*".repeat(c.len_utf8()) });
        format!("{shown}{}", hidden.collect::<String>())
    }) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}
