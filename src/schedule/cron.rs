//! A crontab with a block of our own, whose other lines stay as they are.

/// First line of the block.
const BEGIN: &str = "# BEGIN skillscan nightly (written by `skillscan schedule`)";
/// Last line of the block.
const END: &str = "# END skillscan nightly";

/// The block that runs `program nightly` with these arguments every day at `at`, such as `03:30`.
pub fn block(program: &str, arguments: &[String], at: &str) -> String {
    let (hour, minute) = at.split_once(':').unwrap_or(("3", "30"));
    let number = |text: &str| text.parse::<u8>().unwrap_or(0);
    let words: Vec<String> =
        [program, "nightly"].into_iter().map(quoted).chain(arguments.iter().map(|a| quoted(a))).collect();
    format!("{BEGIN}\n{} {} * * * {}\n{END}\n", number(minute), number(hour), words.join(" "))
}

/// A crontab with this block instead of an earlier one.
///
/// # Errors
/// If the crontab holds half a block, which is not ours to repair.
pub fn with(crontab: &str, block: &str) -> Result<String, &'static str> {
    let mut rest = without(crontab)?;
    if !rest.is_empty() && !rest.ends_with('\n') {
        rest.push('\n');
    }
    Ok(rest + block)
}

/// A crontab without the block.
///
/// # Errors
/// If the crontab holds half a block.
pub fn without(crontab: &str) -> Result<String, &'static str> {
    let mut rest = String::new();
    let mut is_inside = false;
    for line in crontab.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN if is_inside => return Err("holds the beginning of a block twice"),
            BEGIN => is_inside = true,
            END if is_inside => is_inside = false,
            END => return Err("holds the end of a block without its beginning"),
            _ if is_inside => {}
            _ => rest.push_str(line),
        }
    }
    if is_inside { Err("holds the beginning of a block without its end") } else { Ok(rest) }
}

/// The block in a crontab, if there is one.
pub fn find(crontab: &str) -> Option<&str> {
    let (_, after) = crontab.split_once(BEGIN)?;
    let (inside, _) = after.split_once(END)?;
    Some(inside.trim())
}

/// A word for the shell, in a file in which `%` ends the command.
fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:=@+,".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''").replace('%', "\\%")) }
}
