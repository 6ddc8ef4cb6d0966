rule program_walks_home_for_secrets {
    strings:
        $home = /expanduser\(["']~["']\)|Path\.home\(\)|homedir\(\)|process\.env\.(HOME|USERPROFILE)\b|os\.environ\[["'](HOME|USERPROFILE)["']\]/
        $walk = /os\.walk\(|\.rglob\(|os\.scandir\(|readdirSync\(|readdir\(|glob(Sync)?\(|walk(Dir|dir|Sync)\(/
        $name = /["'`](\*\*\/)?(\*?\.pem|\*?\.ppk|\*?\.kdbx|id_rsa\*?|id_ed25519|wallet\.dat|\*?wallet\*?|\*?mnemonic\*?|\*?seed\*?|\*?keystore\*?|\*?\.env(\.\*)?|\*?\.p12|\*?\.pfx|\*?credentials\*?|\*?secret\*?)["'`]/
    condition:
        kind != "markdown" and $home and $walk and #name >= 4
}
