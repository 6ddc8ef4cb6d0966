// Programs that set it themselves, and hook settings of projects.
rule program_sets_hooks_for_all_repositories {
    strings:
        $list = /['"]--(global|system)['"],[ ]?['"]core\.hooks?[Pp]ath['"]/
        $file = /\.gitconfig['"`)]{1,3}[^;]{0,200}hooksPath[ ]?=/
    condition:
        any of them
}

rule program_writes_hook_that_fetches_code {
    meta:
        message = "writes a hook that fetches code at every commit"
    strings:
        $hook = /\.git['"]?[\/,][ ]?['"]?hooks['"]?[\/,][ ]?['"]?(pre-commit|post-commit|post-checkout|post-merge|pre-push|prepare-commit-msg)/
        $write = /\.(write_text|write)\(|writeFile(Sync)?\(/
        $code = /#!\/(usr\/)?bin\/(env )?(ba|z)?sh\\n[^\n]{0,200}(curl|wget)[ ]/
    condition:
        $hook and $write and $code
}
