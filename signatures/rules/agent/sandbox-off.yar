// A container that holds the whole disk of the machine, as its manager is asked for one over HTTP.
rule container_with_the_whole_disk {
    strings:
        $binds = /["']?\bBinds["']?\s{0,3}[:=]\s{0,3}\[\s{0,20}\\?["']\/:\// nocase
        $mount = /["']?\bSource["']?\s{0,3}[:=]\s{0,3}\\?["']\/\\?["']\s{0,3},/
        $all = /["']?\bPrivileged["']?\s{0,3}[:=]\s{0,3}[Tt]rue\b/
        $host = /["']?\bHostConfig["']?\s{0,3}[:=]/
    condition:
        kind != "markdown" and $host and ($binds or ($mount and $all))
}
