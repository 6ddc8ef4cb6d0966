//! Findings about the input itself: malformed text, links that were not followed.

use super::Input;
use crate::artifact::Span;
use crate::finding::{Finding, Severity};
use crate::rule::RuleId;

/// Malformed text and links, by the rules `meta/malformed` and `meta/symlink`.
pub(super) fn findings(input: &Input<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |id: &str, span: Span, note: String| {
        let Ok(id) = RuleId::new(id) else { return };
        let Some(meta) = input.rules.get(&id).map(|rule| &rule.meta) else { return };
        found.push(Finding::new(id, meta.severity.min(Severity::Low), meta.confidence, &meta.message, span, note));
    };
    for (span, why) in &input.expanded.malformed {
        add("meta/malformed", *span, why.clone());
    }
    found
}
