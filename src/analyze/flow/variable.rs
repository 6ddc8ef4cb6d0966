//! What the names of variables of the environment say of what they hold.

/// What a variable's name says of its content.
pub(super) fn class(name: &str) -> Option<&'static str> {
    const SECRET: [&str; 14] = [
        "key",
        "token",
        "secret",
        "password",
        "passwd",
        "pwd",
        "pass",
        "credential",
        "credentials",
        "auth",
        "apikey",
        "mnemonic",
        "seed",
        "pat",
    ];
    // How many tokens, or where the key lies, is no secret.
    const COUNTED: [&str; 10] =
        ["budget", "limit", "limits", "max", "min", "count", "ttl", "timeout", "price", "public"];
    const PLACES: [&str; 12] =
        ["url", "uri", "endpoint", "path", "dir", "file", "mode", "type", "name", "address", "enabled", "symbol"];
    match name {
        "*" => Some("env-bulk"),
        "?" => Some("env-unknown"),
        _ => {
            let lower = name.to_ascii_lowercase();
            // Addresses of databases have the password in them.
            const DATABASES: [&str; 5] = ["database_url", "connection_string", "mongo_uri", "mongodb_uri", "redis_url"];
            if DATABASES.iter().any(|name| lower.contains(name)) || lower.split('_').any(|word| word == "dsn") {
                return Some("env-secret");
            }
            let words: Vec<&str> = lower.split(['_', '-', '.']).collect();
            let is_about = words.iter().any(|word| COUNTED.contains(word))
                || words.last().is_some_and(|word| PLACES.contains(word));
            let is_secret = words.iter().any(|word| SECRET.contains(word) || word.ends_with("key"));
            (is_secret && !is_about).then_some("env-secret")
        }
    }
}
