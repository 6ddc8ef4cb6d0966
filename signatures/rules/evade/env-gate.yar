// A look at the surroundings that ends the program, and what would have come next.
rule surroundings_guard_process_or_code {
    strings:
        $node = /(resolvedOptions\(\)\.(timeZone|locale)|process\.env\.(LANG|LC_ALL|LANGUAGE)|navigator\.languages?|os\.(hostname|userInfo)\(\)|existsSync\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpus\(\)\.length|process\.execArgv)[^\n]{0,160}(\n[^\n]{0,160}){0,3}(return\b|process\.exit\()[\s\S]{0,300}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $python = /(locale\.get(default)?locale\(|time\.tzname|os\.environ(\.get\(|\[)['"](LANG|LC_ALL)|socket\.gethostname\(\)|platform\.node\(\)|getpass\.getuser\(\)|os\.path\.exists\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpu_count\(\)|sys\.gettrace\(\)|psutil\.virtual_memory)[^\n]{0,160}(\n[^\n]{0,160}){0,3}(return\b|sys\.exit\(|os\._exit\(|\bexit\()[\s\S]{0,300}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $if_node = /\bif[ ]?\([^\n]{0,120}(resolvedOptions\(\)\.(timeZone|locale)|process\.env\.(LANG|LC_ALL|LANGUAGE)|navigator\.languages?|os\.(hostname|userInfo)\(\)|existsSync\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpus\(\)\.length|process\.execArgv)/
        $if_python = /\bif [^\n]{0,120}(locale\.get(default)?locale\(|time\.tzname|os\.environ(\.get\(|\[)['"](LANG|LC_ALL)|socket\.gethostname\(\)|platform\.node\(\)|getpass\.getuser\(\)|os\.path\.exists\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpu_count\(\)|sys\.gettrace\(\)|psutil\.virtual_memory)/
        $compare = /(BAD|SKIP|BLOCKED|blocked|skip|banned|deny|avoid|allowed|target)\w{0,20}(\.includes\(|\.has\(|\.indexOf\(|\.test\()|\bin (BAD|SKIP|BLOCKED|blocked|skip|banned|deny|avoid|target)\w{0,20}/
    condition:
        kind != "markdown" and (($node and ($if_node or $compare)) or ($python and ($if_python or $compare)))
}

rule build_server_guards_decoded_code {
    strings:
        $node = /\bif[ ]?\([^\n]{0,80}process\.env\.(CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS_URL)\b[^\n;]{0,80}\n?[ \t]{0,12}(return\b|process\.exit\()[\s\S]{0,300}((^|[^.\w])(eval|Function)\(|\bexec\([^)\n]{0,60}(decode|decompress|b64|read\(\))|b64decode|atob\(|fromCharCode|['"]base64['"]\)|\bcurl [^\n]{1,200}\|[ ]?(ba|z)?sh\b)/
        $python = /\bif [^\n]{0,80}os\.(environ(\.get\(|\[)|getenv\()['"](CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS_URL)['"][^\n]{0,60}\n?[ \t]{0,12}(return\b|sys\.exit\(|\bexit\()[\s\S]{0,300}((^|[^.\w])(eval|Function)\(|\bexec\([^)\n]{0,60}(decode|decompress|b64|read\(\))|b64decode|atob\(|fromCharCode|['"]base64['"]\)|\bcurl [^\n]{1,200}\|[ ]?(ba|z)?sh\b)/
        $shell = /\[\[?[ ][^\n]{0,40}(\$\{?(CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS_URL|LANG|HOSTNAME|USER)\b|\/\.dockerenv|\$\((hostname|whoami|nproc|locale)[^\n]{0,20}\))[^\n]{0,60}\]\]?[^\n]{0,20}(&&|then|\n)\s{0,8}(exit|return)\b[\s\S]{0,300}(\|[ ]{0,2}(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\beval ["'$]|\/dev\/tcp\/|(ba|z)?sh -c ["']?\$)/
    condition:
        any of them and kind != "markdown"
}
