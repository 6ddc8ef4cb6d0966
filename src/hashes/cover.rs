//! Which files of an installed skill the registry's client looks at. The skill's
//! own ignore files decide, so what is left out is where changes go unseen.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Files at the top of a skill whose lines the client leaves files out by, in the order in which it reads them.
pub const IGNORE_FILES: [&str; 3] = [".gitignore", ".clawhubignore", ".clawdhubignore"];

/// Lines that stand before those of any file.
const BUILT_IN: [&str; 4] = [".git/", "node_modules/", ".clawhub/", ".clawdhub/"];

/// Most lines of all ignore files together.
const LINES: usize = 20_000;

/// The line with its braces as themselves: the client knows no `{a,b}`.
fn without_choices(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut is_escaped = false;
    for c in line.chars() {
        if matches!(c, '{' | '}') && !is_escaped {
            out.push('\\');
        }
        is_escaped = c == '\\' && !is_escaped;
        out.push(c);
    }
    out
}

/// The client's choice of files in one skill.
#[derive(Debug, Clone)]
pub struct Cover {
    rules: Gitignore,
}

impl Cover {
    /// The choice under the contents of [`IGNORE_FILES`], in that order; absent ones are left out.
    ///
    /// `None` if they are too long to be followed, so that nothing can be said.
    pub fn new<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut builder = GitignoreBuilder::new("");
        builder.case_insensitive(true).ok()?;
        let mut lines = 0;
        let contents: Vec<String> =
            contents.into_iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let written =
            contents.iter().flat_map(|text| text.split('\n')).map(|line| line.strip_suffix('\r').unwrap_or(line));
        for line in BUILT_IN.into_iter().chain(written) {
            lines += 1;
            if lines > LINES {
                return None;
            }
            // A line that is no pattern leaves nothing out.
            let _ = builder.add_line(None, &without_choices(line));
        }
        Some(Self { rules: builder.build().ok()? })
    }

    /// Whether the client hashes the regular file at `path`, which is relative with `/` between its parts.
    pub fn covers(&self, path: &str) -> bool {
        if path.split('/').any(|part| part.starts_with('.') || part == "node_modules") {
            return false;
        }
        // What lies in a directory that is left out stays out, whatever later lines say.
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        !above
            .map(|folder| (folder, true))
            .chain([(path, false)])
            .any(|(path, is_folder)| self.rules.matched(path, is_folder).is_ignore())
    }
}
