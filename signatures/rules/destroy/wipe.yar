rule program_erases_home_or_root {
    strings:
        $list = /\[\s{0,8}['"]rm['"],\s{0,8}['"]-[rRf]{2,3}['"],\s{0,8}(['"](~|\/)\/?['"]|os\.path\.expanduser\(['"]~['"]\)|str\(Path\.home\(\)\)|os\.homedir\(\)|process\.env\.HOME)\s{0,8}\]/
    condition:
        $list
}

rule program_erases_file_by_file {
    meta:
        confidence = "medium"
    strings:
        $python = /(os\.walk\(\s{0,8}(os\.path\.expanduser\(['"]~\/?['"]\)|(pathlib\.)?Path\.home\(\)|(pathlib\.)?Path\(['"](~|\/)['"]\)(\.expanduser\(\))?|['"]\/['"]|os\.environ\[['"]HOME['"]\]|os\.getenv\(['"]HOME['"]\)|os\.environ\.get\(['"]HOME['"]\))\s{0,8}[,)]|Path\.home\(\)\.rglob\(['"]\*['"]\))[^=]{0,160}(os\.(remove|unlink)\(|\.unlink\()/
    condition:
        $python
}

// All that lies below a folder is written over with noise and stays there under its name: nothing is freed, and nothing
// can be read again.
rule python_overwrites_tree_with_noise {
    strings:
        $walk = /\.rglob\(|\bos\.walk\(|\bglob\.i?glob\(/
        $noise = /\bopen\([^\n]{1,60},\s?['"]r\+b['"]\)[^\n]{0,40}\n?[^\n]{0,60}\.write\(\s?(os\.urandom|secrets\.token_bytes|random\.randbytes)\(/
        $gone = /\b(os\.(remove|unlink)|shutil\.rmtree)\(|\.unlink\(/
    condition:
        $walk and $noise and not $gone
}
