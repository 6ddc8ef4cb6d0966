// Decoded text goes straight into an evaluator.
rule javascript_evaluates_what_it_decodes {
    strings:
        $direct = /(^|[^.\w$]|\b(globalThis|global|window|self)\.)(eval|Function|execScript|setTimeout|setInterval)\)?\(\s{0,6}([\w.]{1,30}\(\s{0,4}){0,3}(atob|unescape|Buffer\.from|(zlib\.)?(inflate|inflateRaw|gunzip|unzip|brotliDecompress)Sync)\(/
        $method = /(\.(runInThisContext|runInNewContext|runInContext|_compile|constructor)|new vm\.Script)\)?\(\s{0,6}([\w.]{1,30}\(\s{0,4}){0,3}(atob|unescape|Buffer\.from|(zlib\.)?(inflate|inflateRaw|gunzip|unzip|brotliDecompress)Sync)\(/
        $brackets = /\[['"]constructor['"]\]\(\s{0,6}([\w.]{1,30}\(\s{0,4}){0,3}(atob|unescape|Buffer\.from)\(/
    condition:
        any of them
}

rule javascript_imports_text {
    meta:
        severity = "high"
        message = "loads a module from text in its own address"
    strings:
        $import = /\b(import|new Worker)\(\s{0,4}['"`]data:(text|application)\/(javascript|ecmascript|x-javascript)/
    condition:
        $import
}

rule python_evaluates_what_it_decodes {
    strings:
        $direct = /(^|[^.\w]|\b(__builtins__|builtins)\.)(exec|eval|compile)\(\s{0,6}([\w.]{1,40}\(\s{0,4}){0,4}(__import__\(\s?['"]\w{1,12}['"]\s?\)\.|\w{1,20}\.)?(b64decode|b32decode|b16decode|b85decode|a85decode|urlsafe_b64decode|standard_b64decode|decompress|fromhex|unhexlify|a2b_base64|a2b_hex)\(/
        $codecs = /(^|[^.\w])(exec|eval|compile)\(\s{0,6}([\w.]{1,40}\(\s{0,4}){0,2}(codecs\.decode|marshal\.loads|__import__\(\s?['"]marshal['"]\s?\)\.loads)\(/
        $lambda = /\blambda\s\w{1,10}\s?:\s?__import__\(['"](zlib|base64|lzma|bz2|gzip)['"]\)\.\w{4,20}\(\s?__import__\(['"]base64['"]\)/
    condition:
        any of them
}

rule program_starts_what_it_decodes {
    strings:
        $python = /(\.(system|popen|getoutput)|subprocess\.\w{3,14})\(\s{0,6}([\w.]{1,40}\(\s{0,4}){0,3}(__import__\(\s?['"]\w{1,12}['"]\s?\)\.|\w{1,20}\.)?(b64decode|b32decode|b85decode|decompress|fromhex|unhexlify)\(/
        $node = /\b(execSync|exec|spawnSync)\(\s{0,6}(Buffer\.from|atob)\(/
        $other = /\b(eval|assert|system|passthru)[ (]{1,2}\s{0,4}([\w.]{1,20}\(\s{0,4}){0,3}(base64_decode|gzinflate|gzuncompress|str_rot13|decode_base64|Base64\.(strict_|urlsafe_)?decode64)\b/
    condition:
        any of them
}

// The same with a variable in between.
rule program_decodes_then_evaluates {
    meta:
        severity = "high"
        confidence = "medium"
    strings:
        $js_decodes = /\b\w{1,40}\s?=\s?([\w.]{1,30}\(\s{0,4}){0,2}(atob\(|Buffer\.from\([^;\n]{1,300},\s?['"`](base64|base64url|hex)['"`])/
        $js_runs = /([^.\w$](eval|Function)|\.(runInThisContext|runInNewContext|_compile))\(\s{0,4}\w{1,40}(\.toString\([^)]{0,10}\))?\s{0,4}[,)]/
        $py_decodes = /\b\w{1,40}\s?=\s?([\w.]{1,40}\(\s{0,4}){0,3}(\w{1,20}\.)?(b64decode|b32decode|b85decode|a85decode|urlsafe_b64decode|decompress|fromhex|unhexlify)\(/
        $py_runs = /[^.\w](exec|eval)\(\s{0,4}(compile\(\s{0,4})?\w{1,40}(\.decode\([^)]{0,20}\))?\s{0,4}[,)]/
    condition:
        for any i in (1..#js_decodes) : (
            for any j in (1..#js_runs) : (@js_runs[j] > @js_decodes[i] and @js_runs[j] - @js_decodes[i] < 600)
        )
        or for any i in (1..#py_decodes) : (
            for any j in (1..#py_runs) : (@py_runs[j] > @py_decodes[i] and @py_runs[j] - @py_decodes[i] < 600)
        )
}

rule python_unpickles_a_literal {
    meta:
        severity = "medium"
        message = "loads a python object from encoded text, which can run code"
    strings:
        $literal = /\b(pickle|cPickle|dill|cloudpickle|marshal)\.loads\(\s{0,4}([\w.]{1,40}\(\s{0,4}){1,4}b?['"][A-Za-z0-9+\/=\\]{24}/
    condition:
        $literal
}
