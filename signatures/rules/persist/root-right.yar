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

rule cluster_for_somebody_by_name {
    meta:
        message = "gives somebody who is named all rights over a cluster"
    strings:
        $binding = /\bkind:[ ]{0,4}["']?ClusterRoleBinding\b/
        $admin = /\bname:[ ]{0,4}["']?cluster-admin\b/
        $user = /\bkind:[ ]{0,4}["']?User["']?[ ]{0,4}\n[ ]{1,12}(apiGroup:[^\n]{0,60}\n[ ]{1,12})?name:[ ]{0,4}["']?[\w.+\-]{1,64}@[\w\-]{1,63}(\.[\w\-]{1,63}){1,4}/
        $sample = /@(example|your|my|company|corp|acme|domain)[\w\-]{0,20}\./
    condition:
        $binding and $admin and $user and not $sample
}
