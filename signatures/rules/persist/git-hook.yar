// Programs that set it themselves, and hook settings of projects.

rule program_sets_hooks_for_all_repositories {
    strings:
        $list = /['"]--(global|system)['"],[ ]?['"]core\.hooks?[Pp]ath['"]/
        $file = /\.gitconfig['"`)]{1,3}[^;]{0,200}hooksPath[ ]?=/
    condition:
        any of them
}
