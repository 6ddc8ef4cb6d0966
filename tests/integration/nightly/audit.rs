//! `nightly --audit`: an answer that turns is told once.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::super::common::list;
use super::Home;

/// The check whose answer turns. What else an audit says is about the host that runs the tests.
const CHECK: &str = "F.config-mode";

/// A night with an audit: what it tells of the check, and whether it still fails.
fn audited(home: &Home, day: usize) -> (Vec<Value>, bool) {
    let ran = home.night(day, &["--audit", "--format", "json"]);
    assert_ne!(ran.code, 2, "{}", ran.stderr);
    let night: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let of_check = |key: &str| -> Vec<Value> {
        list(&night, key).iter().filter(|answer| answer["check"] == CHECK).cloned().collect()
    };
    let is_failing = !of_check("failing").is_empty();
    assert_eq!(is_failing, ran.stderr.contains(&format!("still failing: {CHECK}")), "{}", ran.stderr);
    (of_check("audit"), is_failing)
}

#[test]
fn an_answer_that_turns_is_told_once() {
    let home = Home::with_skill();
    let config = home.path().join(".openclaw/openclaw.json");
    fs::write(&config, r#"{"gateway": {"auth": {"token": "0123456789abcdef"}}}"#).expect("a new file");
    let mode = |mode| fs::set_permissions(&config, fs::Permissions::from_mode(mode)).expect("its own file");
    mode(0o600);
    assert_eq!(audited(&home, 1), (vec![], false), "what passes is no news");
    mode(0o644);
    let (told, is_failing) = audited(&home, 2);
    assert!(told.len() == 1 && !is_failing, "{told:?}");
    assert_eq!((&told[0]["before"], &told[0]["status"]), (&Value::from("pass"), &Value::from("fail")));
    assert_eq!(audited(&home, 3), (vec![], true), "it is not told again, and still said");
    mode(0o600);
    let (told, _) = audited(&home, 4);
    assert_eq!((told.len(), &told[0]["before"], &told[0]["status"]), (1, &Value::from("fail"), &Value::from("pass")));
    assert_eq!(audited(&home, 5), (vec![], false));
}
