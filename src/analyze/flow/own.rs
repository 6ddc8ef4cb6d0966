//! What of a package a program may write over.

use crate::artifact::Artifact;
use crate::flow::value::UNKNOWN;
use crate::package::discover::is_skill_name;

use super::Input;

/// Whether a path of a program, which may be unknown in part, is that of a script or a text for agents of its own package.
///
/// A program names its own files relative to itself or to the folder that it is started in, so the last part tells.
pub(super) fn is_own_code(input: &Input<'_>, path: &str) -> bool {
    if path.starts_with(['/', '~', UNKNOWN]) || path.contains("://") || path.contains(":\\") {
        return false;
    }
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let is_own = |file: &Artifact| {
        let own = file.path.name();
        own.eq_ignore_ascii_case(name) && (file.kind.is_code() || is_skill_name(own.as_ref()))
    };
    input.expanded.arena.iter().filter(|artifact| artifact.is_file()).any(is_own)
}
