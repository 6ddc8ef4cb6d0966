// A line of a `.pth` file that is run, which is none of those that packers write.

rule path_file_runs_code {
    strings:
        $line = /(^|\n)import [\w., ]{1,60};[^\n]{0,1000}(\bexec\(|\beval\(|subprocess|os\.system\(|os\.popen\(|urlopen|b64decode|socket\.|requests\.|__import__\(['"](os|subprocess|base64|urllib|socket|requests|zlib|builtins)\b)/
    condition:
        kind == "text" and $line
}

rule package_installs_customize_module {
    strings:
        $setup = /py_modules[ ]?=[ ]?\[[^\]]{0,200}['"](site|user)customize['"]/
        $pyproject = /py-modules[ ]?=[ ]?\[[^\]]{0,200}['"](site|user)customize['"]/
        $wheel = /PK\x03\x04[\s\S]{26}(site|user)customize\.py/
    condition:
        any of them
}

rule file_sets_preload_for_node {
    strings:
        $npmrc = /(^|\n)node-options[ ]?=[^\n]{0,200}(--require|--import|-r)[ =]/
        $agent = /"NODE_OPTIONS"[ ]?:[ ]?"[^"\n]{0,200}(--require|--import|-r)[ =](\/|~|\$HOME|file:|data:)/
    condition:
        any of them
}

rule preload_from_temporary_or_hidden_file {
    strings:
        $node = /\bNODE_OPTIONS['"]?\]?[ ]?[=:+]{1,2}[ ]?['"`]{0,2}[^\n]{0,100}(--require|--import|-r)[ =]['"]?((\/private)?(\/tmp|\/var\/tmp|\/dev\/shm)\/|data:|[~\/$][^\s"']{0,100}\/\.[\w-]{1,40}\.[cm]?js)/
        $library = /\b(LD_PRELOAD|DYLD_INSERT_LIBRARIES)['"]?\]?[ ]?[=:][ ]?['"`]{0,2}((\/private)?(\/tmp|\/var\/tmp|\/dev\/shm)\/|[~\/$][^\s"']{0,100}\/\.[\w-]{1,40}\.(so|dylib))/
    condition:
        any of them
}
