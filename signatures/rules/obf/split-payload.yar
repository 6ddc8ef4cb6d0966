// What is known of the pieces is followed; of the rest, programs that write programs do the same.
rule pieces_are_joined_and_run {
    meta:
        severity = "medium"
    strings:
        $join = /([^.\w$](exec|eval|compile|Function)|\.(runInThisContext|runInNewContext|_compile))\(\s{0,4}['"]{2}\.join\(/
        $js_join = /([^.\w$](eval|Function)|\.(runInThisContext|runInNewContext|_compile))\(\s{0,4}[\w.$]{1,30}\.join\(\s?['"`]{2}\s?\)/
        $sum = /[^.\w$](exec|eval|Function)\(\s{0,4}\w{1,20}\s?\+\s?\w{1,20}\s?\+\s?\w{1,20}(\s?\+\s?\w{1,20}){0,20}\s{0,4}[,)]/
    condition:
        any of them
}

// A file that is no program is read and run.
rule data_file_is_run {
    strings:
        $node = /([^.\w$](eval|Function)|\.(runInThisContext|runInNewContext|_compile))\(\s{0,4}([\w.]{1,20}\(\s{0,4}){0,2}(fs\.)?readFileSync\([^\n;]{1,120}\.(txt|dat|bin|json|md|png|jpe?g|gif|csv|log|svg|wav|ico|pdf|ttf|woff2?|lock|tmp)['"`]/
        $python = /[^.\w](exec|eval)\(\s{0,4}(compile\(\s{0,4})?(open\(\s?|[\w.]{0,20}Path\()[^\n;]{1,80}\.(txt|dat|bin|json|md|png|jpe?g|gif|csv|log|svg|wav|ico|pdf|ttf|woff2?|lock|tmp)['"][^\n]{0,20}\)\.read/
    condition:
        any of them
}
