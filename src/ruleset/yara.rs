//! Compiles YARA bodies; shared with the build script, which does it for the built-in ones.

use yara_x::{Compiler, Rules};

/// Compiles bodies, each in a namespace named after its rule.
///
/// They see the globals `kind` (what the artifact is, as in [`crate::parse::Kind`])
/// and `derived` (whether it was decoded out of a file).
pub(crate) fn compile<'a>(
    bodies: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Rules, yara_x::errors::CompileError> {
    let mut compiler = Compiler::new();
    compiler.error_on_slow_pattern(true);
    for (name, value) in [("kind", "")] {
        if let Err(error) = compiler.define_global(name, value) {
            unreachable!("a string is a valid global: {error}");
        }
    }
    if let Err(error) = compiler.define_global("derived", false) {
        unreachable!("a boolean is a valid global: {error}");
    }
    for (rule, text) in bodies {
        compiler.new_namespace(rule);
        compiler.add_source(yara_x::SourceCode::from(text).with_origin(rule))?;
    }
    Ok(compiler.build())
}
