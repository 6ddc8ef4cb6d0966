rule node_sends_environment {
    strings:
        $dump = /JSON\.stringify\(\s{0,4}(process\.env\s{0,4}[,)]|\{\s{0,4}\.\.\.process\.env\s{0,4}\}|Object\.fromEntries\()/
        $all = /process\.env\s{0,4}[,)}]/
        $one = /(body|data|json|form|content):\s{0,4}(process\.env\s{0,4}[,})]|\{\s{0,4}\.\.\.process\.env)/
        $net = /\bfetch\(|axios(\.post|\.put)?\(|\bgot(\.post)?\(|https?\.request\(|sendBeacon\(|new WebSocket\(|net\.connect\(|needle\(|superagent/
    condition:
        $net and (($dump and $all) or $one)
}

rule node_sends_filtered_environment {
    meta:
        confidence = "medium"
        severity = "high"
        message = "picks all keys out of the environment and sends them"
    strings:
        $entries = /Object\.(entries|keys)\(\s{0,4}process\.env\s{0,4}\)[^;]{0,60}\.filter\([^;]{0,120}(KEY|TOKEN|SECRET|PASS|key|token|secret)/
        $net = /\bfetch\(|axios(\.post|\.put)?\(|\bgot(\.post)?\(|https?\.request\(|sendBeacon\(|new WebSocket\(|net\.connect\(/
    condition:
        $entries and $net
}

rule python_sends_environment {
    strings:
        $call = /\b(requests|httpx|session|client|aiohttp)\.(post|put|request)\([^;~]{0,200}(dict\(os\.environ\)|os\.environ\.copy\(\)|\{\*\*os\.environ\}|=\s?os\.environ\s?[,)])/
        $dump = /(json\.dumps|urlencode|pickle\.dumps|\bstr|\brepr)\(\s{0,4}(dict\(\s?os\.environ\s?\)|os\.environ(\.copy\(\))?\s?\)|\{\*\*os\.environ\})/
        $net = /(requests|httpx)\.(post|put)\(|urlopen\(|\.sendall\(|smtplib\.SMTP/
    condition:
        $call or ($dump and $net)
}
