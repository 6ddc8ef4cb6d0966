// One prompt for whichever agent is there.
rule program_drives_agents_to_search {
    strings:
        $off = /--dangerously-skip-permissions|--yolo\b|--trust-all-tools|--dangerously-bypass-approvals-and-sandbox/
        $claude = /['"`]claude['"`]/
        $gemini = /['"`]gemini['"`]/
        $codex = /['"`]codex['"`]/
        $q = /['"`](q|qwen|amp|opencode|cursor-agent)['"`]/
        $look = /\b([Ff]ind|[Ss]earch|[Ll]ist|[Ss]can|[Ll]ocate|[Ll]ook|[Ee]numerate|[Cc]ollect|[Rr]ecursively|[Ii]nventory)\b/ private
        $loot = /[^a-z](private key|wallet|keystore|id_rsa|mnemonic|seed phrase|[Mm]eta[Mm]ask|\.env files|credential files|credentials on|api keys on|secrets on)/
        $start = /\b(spawnSync|spawn|execFileSync|execFile|execSync|exec|Popen|check_output|subprocess\.run)\(/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and
        $off and $start and 1 of ($claude, $gemini, $codex, $q)
        and for any i in (1..#loot) : ($look in (@loot[i] - 200..@loot[i]))
}

rule shell_drives_agents_to_search {
    strings:
        $loop = /\bfor [A-Za-z_]{1,20} in [^\n;]{0,60}\b(claude|gemini|codex)\b[^\n;]{0,60}\b(claude|gemini|codex|qwen|opencode|amp)\b/
        $look = /\b([Ff]ind|[Ss]earch|[Ll]ist|[Ss]can|[Ll]ocate|[Ll]ook|[Ee]numerate|[Cc]ollect|[Rr]ecursively|[Ii]nventory)\b/ private
        $loot = /[^a-z](private key|wallet|keystore|id_rsa|mnemonic|seed phrase|[Mm]eta[Mm]ask|\.env files|credential files|credentials on|api keys on|secrets on)/
        $prompt = /"?\$\{?[A-Za-z_]{1,20}\}?"? (-p|--prompt|--print|exec|-q)\b/
    condition:
        $loop and $prompt and for any i in (1..#loot) : ($look in (@loot[i] - 200..@loot[i]))
}
