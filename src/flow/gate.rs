//! Which programs need not be lowered: those that can neither reach an
//! interface of a catalogue nor build a name.

/// Whether values of a program could get anywhere.
pub fn may_matter(_text: &str) -> bool {
    true
}
