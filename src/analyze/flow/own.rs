//! What of a package a program may write over.

use crate::artifact::Artifact;
use crate::flow::value::UNKNOWN;
use crate::package::discover::is_skill_name;

use super::Input;

/// Whether a path of a program, which may be unknown in part, is that of a script or a text for agents of its own package.
///
/// A program names its own files relative to itself or to the folder that it is started in: the end of the path tells.
pub(super) fn is_own_code(input: &Input<'_>, path: &str) -> bool {
    if path.starts_with(['/', '~', UNKNOWN]) || path.contains("://") || path.contains(":\\") {
        return false;
    }
    let path = path.trim_start_matches("../").trim_start_matches("./");
    let is_own = |file: &Artifact| {
        let before = file.path.shown().strip_suffix(path);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
            && (file.kind.is_code() || is_skill_name(file.path.name().as_ref()))
    };
    !path.is_empty() && input.expanded.arena.iter().filter(|artifact| artifact.is_file()).any(is_own)
}
