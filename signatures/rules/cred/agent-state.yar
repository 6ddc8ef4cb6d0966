rule program_reads_logins_of_assistants {
    meta:
        confidence = "medium"
    strings:
        $a = /\.claude["'`]?(, ?["'`]|[\/\\]{1,2})\.credentials\.json/
        $b = /\.codex["'`]?(, ?["'`]|[\/\\]{1,2})auth\.json/
        $c = /\.gemini["'`]?(, ?["'`]|[\/\\]{1,2})oauth_creds\.json/
        $d = /["'`\/]auth-profiles\.json/
        $e = /github-copilot["'`]?(, ?["'`]|[\/\\]{1,2})(hosts|apps)\.json/
        $f = /opencode["'`]?(, ?["'`]|[\/\\]{1,2})auth\.json/
        $g = /devices["'`]?(, ?["'`]|[\/\\]{1,2})paired\.json/
        $h = /["'`\/]\.claude\.json["'`]/
        $i = /["'`\/]device-auth\.json/
        $read = /readFile(Sync)?\(|\bopen\(|read_text\(|read_bytes\(|createReadStream\(|copyFile(Sync)?\(|shutil\.copy|fs::read|os\.ReadFile\(/
    condition:
        kind != "markdown" and 2 of ($a, $b, $c, $d, $e, $f, $g, $h, $i) and $read
}
