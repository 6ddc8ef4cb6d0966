// A program that installs further skills by itself.
rule program_installs_skills {
    meta:
        severity = "medium"
    strings:
        $call = /\b(execSync|exec|execFileSync|execFile|spawnSync|spawn|run|system|Popen|check_call|check_output|call)\([ \[]{0,3}f?["'`](npx (-y |--yes )?)?(clawhub|clawdhub|openclaw|clawdbot|moltbot|skills)(@[a-z0-9.]{1,12})?['"]?,?[ ]{1,2}['"]?((skills|plugins)['"]?,?[ ]{1,2}['"]?)?(install|add)\b/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and $call
}
