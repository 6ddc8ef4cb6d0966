// The guard and what it guards, close together.
rule date_guards_process_or_code {
    strings:
        $node = /(Date\.now\(\)|new Date\(\)(\.(getTime|valueOf)\(\))?)[ ]{0,2}[<>]=?[ ]{0,2}(new Date\(['"`]?20\d\d|1[5-9]\d{11}\b|Date\.(UTC|parse)\(['"`]?20)/
        $python = /(datetime\.(now|today|utcnow)\([^)\n]{0,30}\)|date\.today\(\)|time\.time\(\))[ ]{0,2}[<>]=?[ ]{0,2}((datetime\.)?(datetime|date)\([ ]?20\d\d|1[5-9]\d{8}\b|(datetime\.){1,2}(fromisoformat|strptime)\(['"]20)/
        $shell = /\$\(date (-u )?["']?\+%(s|Y%m%d|F)["']?\)"?[ ]{1,2}(-gt|-ge|-lt|-le|>|<|>=|<=|\\>)[ ]{1,2}["']?(20\d{6}|1[5-9]\d{8}|20\d\d-\d\d|0x[5-9a-fA-F][0-9a-fA-F]{7}\b)/
        $run = /(^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\(|\brmtree\(|\brmSync\(|\.delete\(['"]?http|method['"]?\s?:\s?['"]DELETE\b/ private
        $shell_run = /\|[ ]{0,2}(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\beval ["'$]|\/dev\/tcp\/|(ba|z)?sh -c ["']?\$|\bDELETE\b|\brm -[a-zA-Z]{0,3}[rR]/ private
    condition:
        kind != "markdown" and (
            for any i in (1..#node) : ($run in (@node[i] + !node[i] - 1..@node[i] + !node[i] + 200))
            or for any i in (1..#python) : ($run in (@python[i] + !python[i] - 1..@python[i] + !python[i] + 200))
            or for any i in (1..#shell) : ($shell_run in (@shell[i] + !shell[i] - 1..@shell[i] + !shell[i] + 300))
        )
}

rule long_sleep_before_process_or_code {
    strings:
        $python = /\btime\.sleep\([ ]?(86400|[1-9]\d{5,9}|24[ ]?\*[ ]?(60[ ]?\*[ ]?60|3600)|86400[ ]?\*[ ]?\d{1,3}|60[ ]?\*[ ]?60[ ]?\*[ ]?\d{2,3}([ ]?\*[ ]?\d{1,3})?|3600[ ]?\*[ ]?\d{2,3}([ ]?\*[ ]?\d{1,3})?|\d{1,3}[ ]?\*[ ]?24[ ]?\*[ ]?(60[ ]?\*[ ]?60|3600))[ ]?\)/
        $shell = /\bsleep ([1-9]\d{5,9}|86400|[1-9]\d{0,2}d|2[4-9]h|[3-9]\dh|[1-9]\d\dh)\b/
        $timeout = /\bsetTimeout\([^;]{0,300}[^.\w](exec|execSync|spawn|spawnSync|eval|Function)\(([^}]{0,200}\}\)?|[^}\n;]{0,80}),\s{0,20}(86400000|8\.64e7|[1-9]\d{8,9}|24[ ]?\*[ ]?60[ ]?\*[ ]?60[ ]?\*[ ]?1000|\d{1,3}[ ]?\*[ ]?24[ ]?\*[ ]?60[ ]?\*[ ]?60[ ]?\*[ ]?1000|\d{1,3}[ ]?\*[ ]?86400000|86400[ ]?\*[ ]?1000)\s{0,10}\)/
        $run = /(^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\(/ private
        $shell_run = /\|[ ]{0,2}(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\beval ["'$]|\/dev\/tcp\/|(ba|z)?sh -c ["']?\$/ private
        $loop = /\b(while|for)\b[^\n]{0,60}(:|do|\{)[ ]?\n/
    condition:
        kind != "markdown" and (
            $timeout
            or for any i in (1..#python) : (not $loop in (@python[i] - 400..@python[i]) and $run in (@python[i]..@python[i] + !python[i] + 300))
            or for any i in (1..#shell) : (not $loop in (@shell[i] - 400..@shell[i]) and $shell_run in (@shell[i]..@shell[i] + !shell[i] + 300))
        )
}

rule chance_or_count_guards_process_or_code {
    strings:
        $chance_node = /Math\.random\(\)[ ]?[<>]=?[ ]?0?\.\d{1,4}\)?[^}]{0,80}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $chance_python = /random\.random\(\)[ ]?[<>]=?[ ]?0?\.\d{1,4}[^\n]{0,20}\n?[^\n]{0,60}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $count = /\b(runs|run_?count|uses|use_?count|usage_?count|invocations?|launches|launch_?count|times_?run)[ ]?(>=|>|===?)[ ]?\d{1,4}\)?:?/ nocase
        $run = /(^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\(/ private
    condition:
        kind != "markdown" and (
            $chance_node
            or $chance_python
            or for any i in (1..#count) : ($run in (@count[i] + !count[i] - 1..@count[i] + !count[i] + 60))
        )
}
