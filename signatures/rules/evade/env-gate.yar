// A look at the surroundings that ends the program, and what would have come next.
rule surroundings_guard_process_or_code {
    strings:
        $node = /(resolvedOptions\(\)\.(timeZone|locale)|process\.env\.(LANG|LC_ALL|LANGUAGE)|navigator\.languages?|os\.(hostname|userInfo)\(\)|existsSync\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpus\(\)\.length|process\.execArgv)/
        $python = /(locale\.get(default)?locale\(|time\.tzname|os\.environ(\.get\(|\[)['"](LANG|LC_ALL)|socket\.gethostname\(\)|platform\.node\(\)|getpass\.getuser\(\)|os\.path\.exists\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpu_count\(\)|sys\.gettrace\(\)|psutil\.virtual_memory)/
        $if_node = /\bif[ ]?\([^\n]{0,120}(resolvedOptions\(\)\.(timeZone|locale)|process\.env\.(LANG|LC_ALL|LANGUAGE)|navigator\.languages?|os\.(hostname|userInfo)\(\)|existsSync\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpus\(\)\.length|process\.execArgv)/
        $if_python = /\bif [^\n]{0,120}(locale\.get(default)?locale\(|time\.tzname|os\.environ(\.get\(|\[)['"](LANG|LC_ALL)|socket\.gethostname\(\)|platform\.node\(\)|getpass\.getuser\(\)|os\.path\.exists\(['"]\/\.dockerenv|\/proc\/1\/cgroup|os\.cpu_count\(\)|sys\.gettrace\(\)|psutil\.virtual_memory)/
        $compare = /(BAD|SKIP|BLOCKED|blocked|skip|banned|deny|avoid|allowed|target)\w{0,20}(\.includes\(|\.has\(|\.indexOf\(|\.test\()|\bin (BAD|SKIP|BLOCKED|blocked|skip|banned|deny|avoid|target)\w{0,20}/
        $leave = /\breturn\b|process\.exit\(|sys\.exit\(|os\._exit\(|\bexit\(/ private
        $run = /(^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\(/ private
    condition:
        kind != "markdown" and (
            ($node and ($if_node or $compare) and for any i in (1..#leave) : ($node in (@leave[i] - 499..@leave[i] - 1) and $run in (@leave[i]..@leave[i] + 310)))
            or ($python and ($if_python or $compare) and for any i in (1..#leave) : ($python in (@leave[i] - 499..@leave[i] - 1) and $run in (@leave[i]..@leave[i] + 310)))
        )
}

rule build_server_guards_decoded_code {
    strings:
        $node = /\bif[ ]?\([^\n]{0,80}process\.env\.(CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS_URL)\b[^\n;]{0,80}\n?[ \t]{0,12}(return\b|process\.exit\()/
        $python = /\bif [^\n]{0,80}os\.(environ(\.get\(|\[)|getenv\()['"](CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS_URL)['"][^\n]{0,60}\n?[ \t]{0,12}(return\b|sys\.exit\(|\bexit\()/
        $shell = /\[\[?[ ][^\n]{0,40}(\$\{?(CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS_URL|LANG|HOSTNAME|USER)\b|\/\.dockerenv|\$\((hostname|whoami|nproc|locale)[^\n]{0,20}\))[^\n]{0,60}\]\]?[^\n]{0,20}(&&|then|\n)\s{0,8}(exit|return)\b/
        $decoded = /(^|[^.\w])(eval|Function)\(|\bexec\([^)\n]{0,60}(decode|decompress|b64|read\(\))|b64decode|atob\(|fromCharCode|['"]base64['"]\)|\bcurl [^\n]{1,200}\|[ ]?(ba|z)?sh\b/ private
        $shell_run = /\|[ ]{0,2}(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\beval ["'$]|\/dev\/tcp\/|(ba|z)?sh -c ["']?\$/ private
    condition:
        kind != "markdown" and (
            for any i in (1..#node) : ($decoded in (@node[i] + !node[i] - 1..@node[i] + !node[i] + 300))
            or for any i in (1..#python) : ($decoded in (@python[i] + !python[i] - 1..@python[i] + !python[i] + 300))
            or for any i in (1..#shell) : ($shell_run in (@shell[i] + !shell[i] - 1..@shell[i] + !shell[i] + 300))
        )
}
