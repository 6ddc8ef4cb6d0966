rule program_reads_many_login_files {
    meta:
        confidence = "medium"
        message = "holds a list of other programs' login files and reads files"
    strings:
        $a = /\.ssh[\/\\]{1,2}id_(rsa|ed25519|ecdsa|dsa)/
        $b = /\.aws[\/\\]{1,2}credentials/
        $c = /\.kube[\/\\]{1,2}config/
        $d = /\.docker[\/\\]{1,2}config\.json/
        $e = /["'`\/]\.netrc\b/
        $f = /["'`\/]\.git-credentials\b/
        $g = /["'`\/]\.npmrc\b/
        $h = /["'`\/]\.pypirc\b/
        $i = /application_default_credentials\.json/
        $j = /gh[\/\\]{1,2}hosts\.yml/
        $k = /["'`\/]\.gnupg\b/
        $read = /readFile(Sync)?\(|\bopen\(|read_text\(|read_bytes\(|createReadStream\(|copyFile(Sync)?\(|shutil\.copy|fs::read|os\.ReadFile\(/
    condition:
        kind != "markdown" and 4 of ($a, $b, $c, $d, $e, $f, $g, $h, $i, $j, $k) and $read
}
