rule shell_copied_with_setuid {
    meta:
        severity = "critical"
        message = "makes a copy of a shell that anybody runs as root"
    strings:
        $shell = /\bcp (-\w{1,4} )?(\/usr)?\/bin\/(ba|z|da|k)?sh [^\n;&|]{1,80}[\n;&][^\n]{0,60}\bchmod (-\w{1,4} )?(0?[4-7][0-7]{3}|[ug]{0,2}\+\w{0,3}s\w{0,2}|u=\w{0,3}s\w{0,2}) /
        $python = /\bcopy(2|file)?\(\s{0,4}f?['"](\/usr)?\/bin\/(ba|z|da|k)?sh['"],[^\x00]{1,240}chmod\([^\n]{1,80}(0o[4-7][0-7]{3}|S_ISUID)/
        $node = /\bcopyFile(Sync)?\(\s{0,4}['"`](\/usr)?\/bin\/(ba|z|da|k)?sh['"`],[^\x00]{1,240}chmod(Sync)?\([^\n]{1,80}0o[4-7][0-7]{3}/
    condition:
        any of them
}
