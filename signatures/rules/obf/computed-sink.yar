rule javascript_name_is_built {
    strings:
        $member = /\b(process|globalThis|global|window|self|module|require|child_process|exports)\[\s?['"`]\w{1,20}['"`]\s?\+\s?['"`]\w/
        $decoded = /\b(process|globalThis|global|window|self|module)\[\s?(atob|Buffer\.from|String\.fromCharCode|unescape|decodeURIComponent)\(/
        $list = /\b(process|globalThis|global|module|window|self)\[\s?\[\s?['"`]\w{1,12}['"`]\s?,[^\]\n]{1,80}\]\.(join|reverse)\(/
        $require_decoded = /\b(require|import)\(\s?(atob|Buffer\.from|String\.fromCharCode|unescape)\(/
        $reflect = /\bReflect\.(get|apply)\(\s?(globalThis|process|global|window|module|require)\s?,\s?(['"`]\w{1,12}['"`]\s?\+|\[\s?['"`]\w{1,12}['"`]\s?,|atob\(|String\.fromCharCode\(|Buffer\.from\()/
        $constructor = /\.constructor\.constructor\(|\[['"`]constructor['"`]\]\s?\[['"`]constructor['"`]\]/
        $hex = /\\x65\\x76\\x61\\x6c|\\x65\\x78\\x65\\x63|\\x63\\x68\\x69\\x6c\\x64\\x5f|\\x72\\x65\\x71\\x75\\x69\\x72\\x65/ nocase
        $unicode = /\\u0065\\u0076\\u0061\\u006c|\\u0065val\b|e\\u0076al\b|\\u0065\\u0078\\u0065\\u0063|\\u0046unction\(/ nocase
        $mixed = /\['(e'\s?\+\s?'xec|ex'\s?\+\s?'ec|exe'\s?\+\s?'c|e'\s?\+\s?'val|ev'\s?\+\s?'al|eva'\s?\+\s?'l|sp'\s?\+\s?'awn|spa'\s?\+\s?'wn)/
    condition:
        any of them
}

// What the module does is followed; a name in pieces alone is odd.
rule javascript_module_name_is_built {
    meta:
        severity = "medium"
        message = "puts the name of a module together so that a search does not find it"
    strings:
        $require = /\b(require|import)\(\s?['"`][\w:]{1,20}['"`]\s?\+\s?['"`]\w/
        $require_list = /\b(require|import)\(\s?\[\s?['"`]\w{1,12}['"`]\s?,[^\]\n]{1,120}\]\.(join|reverse|map)\(/
        $require_reversed = /\b(require|import)\(\s?['"`]\w{2,30}['"`]\.split\(['"`]{2}\)\.reverse\(/
    condition:
        any of them
}

rule javascript_name_is_not_known {
    meta:
        severity = "medium"
        message = "calls a function of the system by a name that is made up while it runs"
    strings:
        $call = /\b(globalThis|process|module|require)\[\s?[a-zA-Z_$][\w$]{0,30}\s?\]\s?\(/
    condition:
        $call
}

rule python_name_is_built {
    strings:
        $getattr = /\bgetattr\(\s?(os|sys|subprocess|builtins|__builtins__|shutil|socket|__import__\(\s?['"]\w{1,20}['"]\s?\))\s?,\s?(['"](P[open]{0,4}|[a-z_]\w{0,11})['"]\s?\+|['"]{2}\.join\(|['"]\w{1,20}['"]\[::-1\]|['"](exec|eval|compile|system|popen|__import__)['"]|(base64\.)?b64decode|codecs\.decode|bytes(\.fromhex)?\(|chr\()/
        $import = /\b(__import__|import_module)\(\s?(['"]\w{1,12}['"]\s?\+\s?['"]|['"]{2}\.join\(|['"]\w{1,20}['"]\[::-1\]|(base64\.)?b64decode|codecs\.decode|bytes(\.fromhex)?\(|chr\()/
        $table = /(\bglobals\(\)|\b__dict__|\b__builtins__|\bvars\(\w{2,12}\))\[\s?(['"]\w{1,12}['"]\s?\+\s?['"]|['"](exec|eval|system|popen|__import__)['"]|['"]{2}\.join\(|['"]\w{1,20}['"]\[::-1\])/
    condition:
        any of them
}

rule python_import_hides_process {
    meta:
        severity = "medium"
        message = "starts a process through a module that is imported in passing"
    strings:
        $call = /\b__import__\(\s?['"](os|subprocess|pty)['"]\s?\)\.(system|popen|Popen|run|call|check_output|getoutput|spawn)\(/
    condition:
        $call
}

rule powershell_name_is_built {
    strings:
        $format = /['"](\{\d\}){2,9}['"][ ]?-f[ ]?['"]/ nocase
        $joined = /[&.][ ]?\([ ]?['"](i'\+'ex|ie'\+'x|inv'\+'oke|invoke'\+'-|invoke-'\+'exp|invoke-ex'\+'p)/ nocase
    condition:
        any of them
}
