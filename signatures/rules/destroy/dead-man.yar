// A check of a login, and right after it what erases.
rule login_check_then_erase {
    strings:
        $check = /(gh auth (status|token)|npm (whoami|ping)|sts get-caller-identity|gcloud auth print-access-token|api\.github\.com\/user\b|\/-\/whoami|\bwhoami\b[^\n]{0,40}registry|(status|statusCode|status_code|code)\)?['"]?\]?[ ]{0,2}(===?|!==?|in|-eq|-ne)[ ]{0,2}[(\["']{0,2}(401|403|200)\b)[\s\S]{0,400}(rm -[rRf]{2,3} (--no-preserve-root )?["']?(~|\$HOME|\$\{HOME\}|\/)["']?(\/\*|\/)?["'`\s;&|]|find ["']?(~|\$HOME|\/)["']? [^\n]{0,60}(-delete|shred)|\bshred -|rmtree\(\s{0,4}(os\.path\.expanduser\(['"]~['"]\)|(pathlib\.)?Path\.home\(\))|\b(rm|rmSync|rimraf)\(\s{0,4}((os\.)?homedir\(\)|process\.env\.HOME)|cipher \/w:|del \/[fsq] [^\n]{0,40}%USERPROFILE%)/
    condition:
        $check
}

rule login_check_then_run_answer {
    meta:
        severity = "high"
        message = "checks over and over whether a token still works, and runs what the server answers"
    strings:
        $timer = /setInterval\(|while[ ]?\(?(true|True|1|:)\)?|OnUnitActiveSec=|schedule\.every\(|\bsleep [0-9]{2,}/
        $answer = /(status|statusCode|status_code)\)?[ ]{0,2}(===?|!==?|in)[ ]{0,2}[(\[]?(401|403)\b[\s\S]{0,200}[^.\w](eval|exec|new Function)\([^)]{0,40}(body|text|data|reply|answer|resp|res|content)/
    condition:
        all of them
}
