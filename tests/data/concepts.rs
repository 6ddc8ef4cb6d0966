//! What sentences read as, by rows that a person can follow.

use skillscan::Ruleset;

/// A score in hundredths and the words that say so most, or why the rows are none.
fn read(rows: &str, text: &str) -> Result<(i32, String), String> {
    let mut files = Ruleset::builtin_files();
    files.insert("concepts/hush.csv".to_owned(), rows.to_owned());
    let rules = Ruleset::from_files(&files).map_err(|errors| errors.to_string())?;
    let reading = rules.concept("hush").ok_or("there is no such concept")?.read(text);
    Ok(((reading.score * 100.0).round() as i32, reading.words))
}

fn score(rows: &str, text: &str) -> (i32, String) {
    read(rows, text).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn words_are_letters_numbers_and_single_characters() {
    let rows = ",0\ndon't post,1\npost <n> th,2\na b to,4\nor,8\n不 说,16\nto or,32\n";
    let text = "Don't post 45th `a_b` to https://a.example/x or me@a.example, 不说";
    assert_eq!(score(rows, text).0, 31);
}

#[test]
fn words_count_by_how_they_begin() {
    assert_eq!(score(",0\nencod*,3\nencode,50\n", "Encoded or encoding").0, 3);
    // Rows are written as texts are folded: letters that look like Latin ones are those.
    assert_eq!(score(",0\nкoдиp*,3\n", "закодировать, кодирует").0, 3);
}

#[test]
fn pairs_stand_near_each_other_in_either_order() {
    let rows = ",0\ntoken & send,7\n";
    assert_eq!(score(rows, "send of the and it a token").0, 7);
    assert_eq!(score(rows, "a token that is there for you to send"), (7, "token … send".to_owned()));
    assert_eq!(score(rows, "send one two three four five six seven a token").0, 0);
}

#[test]
fn groups_count_once_and_the_heaviest_is_told() {
    assert_eq!(
        score(",-100\nleave out,150\nleave,20\n", "Leave OUT what you leave out."),
        (70, "leave out".to_owned())
    );
}

#[test]
fn long_texts_are_read_by_windows() {
    let text = format!("{}secre words {}", "filler ".repeat(300), "filler ".repeat(300));
    assert_eq!(score(",0\nsecre words,100\nfille*,-1\n", &text), (99, "secre words".to_owned()));
}

#[test]
fn what_is_no_row_is_an_error() {
    let why = read(",0\nno weight\n", "text").expect_err("a line has no weight");
    assert!(why.contains("a row is words, a comma and a weight"), "{why}");
}
