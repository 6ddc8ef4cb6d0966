//! The order in which the registry and its client sort paths: JavaScript's
//! `localeCompare`, which is the collation of the writer's language.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::options::CollatorOptions;
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;

/// Languages whose order of paths is another than that of the registry. A hash is the same whatever
/// order its lines were put in by, so a match in any of them is a match.
const OTHERS: [&str; 27] = [
    "da", "nb", "sv", "fi", "is", "fo", "mt", "cs", "sk", "cy", "et", "lt", "lv", "pl", "hu", "ro", "hr", "sl", "tr",
    "az", "es", "sq", "vi", "ja", "zh", "ko", "th",
];

static ROOT: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    CollatorBorrowed::try_new(CollatorPreferences::default(), CollatorOptions::default()).expect("root is built in")
});

/// How the registry orders two paths; equal texts and those that differ in characters without weight are equal.
pub fn compare(one: &str, other: &str) -> Ordering {
    ROOT.compare(one, other)
}

/// Orders of other languages, which a client may have sorted by, each with its name.
pub(super) fn others() -> impl Iterator<Item = (&'static str, CollatorBorrowed<'static>)> {
    OTHERS.into_iter().filter_map(|language| {
        let locale: Locale = language.parse().ok()?;
        let preferences = CollatorPreferences::from(&locale);
        Some((language, CollatorBorrowed::try_new(preferences, CollatorOptions::default()).ok()?))
    })
}
