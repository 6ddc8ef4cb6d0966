rule program_erases_home_or_root {
    strings:
        $python = /\brmtree\(\s{0,8}(os\.path\.expanduser\(['"]~\/?['"]\)|(pathlib\.)?Path\.home\(\)|(pathlib\.)?Path\(['"](~|\/)['"]\)(\.expanduser\(\))?|['"]\/['"]|os\.environ\[['"]HOME['"]\]|os\.getenv\(['"]HOME['"]\)|os\.environ\.get\(['"]HOME['"]\))\s{0,8}[,)]/
        $node = /\b(rm|rmSync|rmdir|rmdirSync|rimraf|rimrafSync|rimraf\.sync|removeSync|emptyDirSync|remove)\(\s{0,8}((os\.)?homedir\(\)|process\.env\.(HOME|USERPROFILE)|['"]\/['"])\s{0,8}[,)]/
        $list = /\[\s{0,8}['"]rm['"],\s{0,8}['"]-[rRf]{2,3}['"],\s{0,8}(['"](~|\/)\/?['"]|os\.path\.expanduser\(['"]~['"]\)|str\(Path\.home\(\)\)|os\.homedir\(\)|process\.env\.HOME)\s{0,8}\]/
    condition:
        any of them
}

rule program_erases_file_by_file {
    meta:
        confidence = "medium"
    strings:
        $python = /(os\.walk\(\s{0,8}(os\.path\.expanduser\(['"]~\/?['"]\)|(pathlib\.)?Path\.home\(\)|(pathlib\.)?Path\(['"](~|\/)['"]\)(\.expanduser\(\))?|['"]\/['"]|os\.environ\[['"]HOME['"]\]|os\.getenv\(['"]HOME['"]\)|os\.environ\.get\(['"]HOME['"]\))\s{0,8}[,)]|Path\.home\(\)\.rglob\(['"]\*['"]\))[^=]{0,160}(os\.(remove|unlink)\(|\.unlink\()/
    condition:
        $python
}
