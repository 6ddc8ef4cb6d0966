//! Which file of a package a name in another file leads to.

use super::ir::Language;

/// Paths in the package that `name`, as it stands in the file `from`, may lead to, most likely first.
pub fn candidates(language: Language, from: &str, name: &str) -> Vec<String> {
    match language {
        Language::JavaScript => javascript(from, name),
        Language::Python => python(from, name),
        Language::Shell => relative(from, name).into_iter().collect(),
    }
}

fn javascript(from: &str, name: &str) -> Vec<String> {
    if !name.starts_with('.') && !name.starts_with('/') {
        return Vec::new();
    }
    let Some(path) = relative(from, name) else { return Vec::new() };
    let mut all = vec![path.clone()];
    // TypeScript names the file that it will become.
    for (written, source) in [(".js", ".ts"), (".js", ".tsx"), (".mjs", ".mts"), (".cjs", ".cts"), (".jsx", ".tsx")] {
        all.extend(path.strip_suffix(written).map(|stem| format!("{stem}{source}")));
    }
    for ending in [".js", ".ts", ".mjs", ".cjs", ".tsx", ".jsx", ".mts", ".cts", "/index.js", "/index.ts", "/index.mjs"]
    {
        all.push(format!("{path}{ending}"));
    }
    all
}

fn python(from: &str, name: &str) -> Vec<String> {
    let dots = name.chars().take_while(|c| *c == '.').count();
    let rest = name.trim_start_matches('.').replace('.', "/");
    let mut directory = from.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut all = Vec::new();
    let add = |all: &mut Vec<String>, directory: &str| {
        let stem = match (directory.is_empty(), rest.is_empty()) {
            (true, _) => rest.clone(),
            (false, true) => directory.to_owned(),
            (false, false) => format!("{directory}/{rest}"),
        };
        all.push(format!("{stem}.py"));
        all.push(format!("{stem}/__init__.py"));
    };
    if dots > 0 {
        for _ in 1..dots {
            directory = directory.rsplit_once('/').map_or("", |(directory, _)| directory);
        }
        add(&mut all, directory);
        return all;
    }
    // Beside the file, then in each directory above it: what `sys.path` usually holds.
    loop {
        add(&mut all, directory);
        if directory.is_empty() {
            return all;
        }
        directory = directory.rsplit_once('/').map_or("", |(directory, _)| directory);
    }
}

/// A relative path, from the directory of the file that names it.
fn relative(from: &str, name: &str) -> Option<String> {
    let directory = from.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
