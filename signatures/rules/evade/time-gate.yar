// The guard and what it guards, close together.
rule date_guards_process_or_code {
    strings:
        $node = /(Date\.now\(\)|new Date\(\)(\.(getTime|valueOf)\(\))?)[ ]{0,2}[<>]=?[ ]{0,2}(new Date\(['"`]?20\d\d|1[5-9]\d{11}\b|Date\.(UTC|parse)\(['"`]?20)[\s\S]{0,200}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $python = /(datetime\.(now|today|utcnow)\([^)\n]{0,30}\)|date\.today\(\)|time\.time\(\))[ ]{0,2}[<>]=?[ ]{0,2}((datetime\.)?(datetime|date)\([ ]?20\d\d|1[5-9]\d{8}\b|(datetime\.){1,2}(fromisoformat|strptime)\(['"]20)[\s\S]{0,200}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $shell = /\$\(date (-u )?["']?\+%(s|Y%m%d|F)["']?\)"?[ ]{1,2}(-gt|-ge|-lt|-le|>|<|\\>)[ ]{1,2}["']?(20\d{6}|1[5-9]\d{8}|20\d\d-\d\d)[\s\S]{0,300}(\|[ ]{0,2}(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\beval ["'$]|\/dev\/tcp\/|(ba|z)?sh -c ["']?\$)/
    condition:
        any of them and kind != "markdown"
}

rule long_sleep_before_process_or_code {
    strings:
        $python = /\btime\.sleep\([ ]?(86400|[1-9]\d{5,9}|24[ ]?\*[ ]?(60[ ]?\*[ ]?60|3600)|86400[ ]?\*[ ]?\d{1,3}|60[ ]?\*[ ]?60[ ]?\*[ ]?\d{2,3}([ ]?\*[ ]?\d{1,3})?|3600[ ]?\*[ ]?\d{2,3}([ ]?\*[ ]?\d{1,3})?|\d{1,3}[ ]?\*[ ]?24[ ]?\*[ ]?(60[ ]?\*[ ]?60|3600))[ ]?\)[\s\S]{0,300}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $shell = /\bsleep ([1-9]\d{5,9}|86400|[1-9]\d{0,2}d|2[4-9]h|[3-9]\dh|[1-9]\d\dh)\b[\s\S]{0,300}(\|[ ]{0,2}(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\beval ["'$]|\/dev\/tcp\/|(ba|z)?sh -c ["']?\$)/
        $timeout = /\bsetTimeout\([^;]{0,300}[^.\w](exec|execSync|spawn|spawnSync|eval|Function)\(([^}]{0,200}\}\)?|[^}\n;]{0,80}),\s{0,20}(86400000|8\.64e7|[1-9]\d{8,9}|24[ ]?\*[ ]?60[ ]?\*[ ]?60[ ]?\*[ ]?1000|\d{1,3}[ ]?\*[ ]?24[ ]?\*[ ]?60[ ]?\*[ ]?60[ ]?\*[ ]?1000|\d{1,3}[ ]?\*[ ]?86400000|86400[ ]?\*[ ]?1000)\s{0,10}\)/
        $loop = /\b(while|for)\b[^\n]{0,60}(:|do|\{)[ ]?\n/
    condition:
        kind != "markdown" and (
            $timeout
            or for any i in (1..#python) : (not $loop in (@python[i] - 400..@python[i]))
            or for any i in (1..#shell) : (not $loop in (@shell[i] - 400..@shell[i]))
        )
}

rule chance_or_count_guards_process_or_code {
    strings:
        $chance_node = /Math\.random\(\)[ ]?[<>]=?[ ]?0?\.\d{1,4}\)?[^}]{0,80}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $chance_python = /random\.random\(\)[ ]?[<>]=?[ ]?0?\.\d{1,4}[^\n]{0,20}\n?[^\n]{0,60}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/
        $count = /\b(runs|run_?count|uses|use_?count|usage_?count|invocations?|launches|launch_?count|times_?run)[ ]?(>=|>|===?)[ ]?\d{1,4}\)?:?[\s\S]{0,60}((^|[^.\w])(exec|execSync|execFile|execFileSync|spawn|spawnSync|eval|Function)\(|child_process['"]?\)?\.\w{2,12}\(|os\.system\(|os\.popen\(|subprocess\.\w{2,12}\(|\bPopen\()/ nocase
    condition:
        any of them and kind != "markdown"
}
