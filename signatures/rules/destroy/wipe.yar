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
