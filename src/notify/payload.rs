//! A message in the form of each channel. Texts may hold what a package chose, so nothing in them may become a mention,
//! a link, a heading or a second message.

use serde_json::{Value, json};

use super::Message;

/// Entries of one message; of more, their number.
const ENTRIES: usize = 20;
/// Lines of one entry.
const LINES: usize = 12;
/// Characters of one line; mail allows 998 bytes.
const COLUMNS: usize = 240;
/// Characters that Slack shows of a block, with room for what is added.
const SLACK: usize = 2_800;
/// Characters of a message to Discord, which allows 2,000.
const DISCORD: usize = 1_400;
/// Characters of a message to Telegram, which allows 4,096.
const TELEGRAM: usize = 3_600;
/// Events and entries of lists in data.
const VALUES: usize = 100;

/// Characters as the strictest server counts them: in units of UTF-16.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The body as lines, whole entries up to so many characters, and how many are left out.
fn body(message: &Message, characters: usize) -> String {
    let mut text = message.about.iter().map(|line| cut(line)).collect::<Vec<_>>().join("\n");
    text.push_str("\n\n");
    let mut told = 0;
    for entry in message.entries.iter().take(ENTRIES) {
        let mut lines: Vec<String> = entry.iter().take(LINES).map(|line| cut(line)).collect();
        if entry.len() > LINES {
            lines.push(format!("    and {} more lines", entry.len() - LINES));
        }
        let lines = lines.join("\n");
        let room = characters.saturating_sub(length(&text));
        if told > 0 && length(&lines) > room {
            break;
        }
        // The first entry is told in any case, as far as there is room.
        let mut used = 0;
        text.extend(lines.chars().take_while(|c| {
            used += c.len_utf16();
            used <= room
        }));
        text.push('\n');
        told += 1;
    }
    let left = message.entries.len() - told;
    if left > 0 {
        text.push_str(&format!("\nand {left} more; `skillscan history` on that machine shows them\n"));
    }
    text
}

fn cut(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    line.chars().take(COLUMNS - 1).chain(['…']).collect()
}

/// For a command: the title, and below it what happened.
pub fn text(message: &Message) -> String {
    format!("{}\n\n{}", cut(&message.title), body(message, usize::MAX))
}

/// For `sendmail`: headers and body.
pub fn mail(message: &Message, to: &str) -> String {
    let subject: String =
        cut(&message.title).chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    let headers = [
        format!("To: {to}"),
        format!("Subject: {subject}"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: 8bit".to_owned(),
    ];
    format!("{}\n\n{}", headers.join("\n"), body(message, usize::MAX))
}

/// The run as data, long lists cut and their length told.
pub fn generic(message: &Message) -> Value {
    let mut value = message.value.clone();
    let mut omitted = serde_json::Map::new();
    if let Some(map) = value.as_object_mut() {
        for (key, list) in map.iter_mut() {
            let Some(list) = list.as_array_mut() else { continue };
            if list.len() > VALUES {
                omitted.insert(key.clone(), json!(list.len() - VALUES));
                list.truncate(VALUES);
            }
        }
    }
    json!({"title": message.title, "text": body(message, usize::MAX), "omitted": omitted, "report": value})
}

/// For Slack: preformatted text, in which nothing is a mention or a link.
pub fn slack(message: &Message) -> Value {
    let text = body(message, SLACK);
    let plain = |text: &str| json!([{"type": "text", "text": text}]);
    json!({
        "text": inert(&message.title).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": [{"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": plain(&inert(&message.title))},
            {"type": "rich_text_preformatted", "elements": plain(&inert(&text))},
        ]}],
    })
}

/// For Discord: a block of code, and nobody is mentioned whatever stands in it.
pub fn discord(message: &Message) -> Value {
    let (title, text) = (inert(&cut(&message.title)), inert(&body(message, DISCORD)));
    let title: String = title.chars().flat_map(|c| marked(c).into_iter().chain([c])).collect();
    json!({
        "content": format!("{title}\n```\n{text}```"),
        "allowed_mentions": {"parse": []},
        "flags": 4,
    })
}

/// What Discord's mark-up wants before a character that means something.
fn marked(c: char) -> Option<char> {
    "\\*_~|>#-[]()".contains(c).then_some('\\')
}

/// For Telegram: text without mark-up, all of it preformatted, so that nothing in it becomes a link or a command.
pub fn telegram(message: &Message, chat: &str) -> Value {
    let text = format!("{}\n\n{}", inert(&cut(&message.title)), inert(&body(message, TELEGRAM)));
    let length = text.encode_utf16().count();
    json!({
        "chat_id": chat,
        "text": text,
        "entities": [{"type": "pre", "offset": 0, "length": length}],
        "link_preview_options": {"is_disabled": true},
    })
}

/// Text without what starts a mention or ends a block of code, whatever the channel makes of it.
fn inert(text: &str) -> String {
    text.replace('`', "'").replace('@', "\u{FF20}")
}
