//! What passages read as, by rows that a person can follow.

use skillscan::Ruleset;

/// Rules with a concept `hush` of these rows, or why they are none.
fn rules(rows: &str) -> Result<Ruleset, String> {
    let mut files = Ruleset::builtin_files();
    files.insert("concepts/hush.csv".to_owned(), rows.to_owned());
    Ruleset::from_files(&files).map_err(|errors| errors.to_string())
}

/// What the groups of a sentence weigh together, and those of its words that say most.
fn read(rows: &str, sentence: &str) -> (i32, String) {
    let rules = rules(rows).unwrap_or_else(|why| panic!("{why}"));
    let hush = rules.concept("hush").expect("it was just put there");
    (hush.read(sentence).weight(), hush.telling(sentence))
}

#[test]
fn words_are_letters_numbers_and_single_characters() {
    let rows = ",0\ndon't post,1\npost <n> th,2\na b to,4\nor,8\n不 说,16\nto or,32\n";
    let text = "Don't post 45th `a_b` to https://a.example/x or me@a.example, 不说";
    assert_eq!(read(rows, text).0, 31);
}

#[test]
fn words_count_by_how_they_begin() {
    assert_eq!(read(",0\nencod*,3\nencode,50\n", "Encoded or encoding").0, 3);
    // Rows are written as texts are folded: letters that look like Latin ones are those.
    assert_eq!(read(",0\nкoдиp*,3\n", "закодировать, кодирует").0, 3);
}

#[test]
fn groups_count_once_and_the_heaviest_is_told() {
    let rows = ",-100\nleave out,70\nleave,20\nwhat,-5\n";
    assert_eq!(read(rows, "Leave OUT what you leave out."), (85, "leave out".to_owned()));
    assert_eq!(read(rows, "What is this?"), (-5, String::new()));
}

#[test]
fn sentences_are_weighed_together_by_their_length() {
    let rules = rules(",-100\nleave out,700\n").expect("they are rows");
    let hush = rules.concept("hush").expect("it was just put there");
    let (short, again) = (hush.read("Leave out what I said."), hush.read("And leave out the rest."));
    let long = hush.read(&"word ".repeat(191));
    let mut passage = hush.passage();
    assert_eq!(passage.score(), -1.0);
    passage.add(&short);
    assert_eq!(passage.score(), 0.0);
    // The same words say it no louder, and many others make it less.
    passage.add(&again);
    assert_eq!(passage.score(), 0.0);
    passage.remove(&short);
    passage.add(&long);
    assert_eq!(passage.score(), -0.5);
    passage.remove(&again);
    assert_eq!(passage.score(), -1.0);
}

#[test]
fn what_is_no_row_is_an_error() {
    let why = rules(",0\nno weight\n").err().expect("a line has no weight");
    assert!(why.contains("a row is words, a comma and a weight"), "{why}");
}
