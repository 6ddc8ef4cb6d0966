rule node_reports_machine {
    strings:
        $facts = /\{[^}]{0,200}os\.hostname\(\)[^}]{0,300}(os\.userInfo\(\)|process\.cwd\(\)|os\.homedir\(\)|os\.networkInterfaces\(\)|__dirname|process\.env\.USER\b)/
        $net = /\bfetch\(|axios(\.post)?\(|\bgot(\.post)?\(|https?\.request\(|https?\.get\(|sendBeacon\(/
    condition:
        $facts and $net
}

rule python_reports_machine {
    strings:
        $facts = /\{[^}]{0,200}(socket\.gethostname|platform\.node|platform\.uname)\(\)[^}]{0,300}(getpass\.getuser|os\.getlogin|os\.getcwd|os\.path\.expanduser|uuid\.getnode)\(/
        $net = /(requests|httpx)\.(post|get)\(|urlopen\(|http\.client\.HTTPS?Connection\(/
    condition:
        $facts and $net
}
