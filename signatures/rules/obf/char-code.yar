rule text_from_numbers {
    strings:
        $from_codes = /\bfromCharCode\(\s?((0x[0-9a-f]{2}|\d{2,3})\s?,\s?){7,2000}(0x[0-9a-f]{2}|\d{2,3})\s?\)/ nocase
        $mapped = /\[\s?((0x[0-9a-f]{2}|\d{2,3})\s?,\s?){7,2000}(0x[0-9a-f]{2}|\d{2,3})\s?,?\s?\]\s?\.map\([^\n]{0,40}fromCharCode/ nocase
        $chr_sum = /\bchr\(\s?(3[2-9]|[4-9]\d|1[01]\d|12[0-6])\s?\)\s?[+&.]\s?chr\(\s?(3[2-9]|[4-9]\d|1[01]\d|12[0-6])\s?\)\s?[+&.]\s?chr\(\s?(3[2-9]|[4-9]\d|1[01]\d|12[0-6])\s?\)\s?[+&.]\s?chr\(/ nocase
        $bytes = /\bbytes(array)?\(\s?\[\s?((0x[0-9a-f]{2}|\d{2,3})\s?,\s?){7,2000}(0x[0-9a-f]{2}|\d{2,3})\s?,?\s?\]\s?\)\.decode\(/ nocase
        $map_chr = /\bmap\(\s?chr\s?,\s?[\[(]\s?(\d{2,3}\s?,\s?){7,2000}\d{2,3}/
        $for_chr = /\bchr\(\s?\w{1,10}\s?([-+^]\s?\w{1,6}\s?)?\)\sfor\s\w{1,10}\sin\s[\[(]\s?(\d{1,3}\s?,\s?){7,2000}\d{1,3}/
        $powershell = /\[char\]\s?\(?(0x[0-9a-f]{2}|\d{2,3})\)?\s?\+\s?\[char\]\s?\(?(0x[0-9a-f]{2}|\d{2,3})\)?\s?\+\s?\[char\]/ nocase
    condition:
        any of them
}

// The numbers spell an address or the name of what runs code, or go straight to it.
rule numbers_spell_a_sink {
    meta:
        severity = "high"
        message = "builds the name of something that runs code, or an address, out of numbers"
    strings:
        $http = /[\[(,]\s?104,\s?116,\s?116,\s?112,\s?(115,\s?)?58,\s?47,\s?47\s?,/
        $http_hex = /0x68,\s?0x74,\s?0x74,\s?0x70,\s?(0x73,\s?)?0x3a,\s?0x2f,\s?0x2f/ nocase
        $eval = /[\[(]\s?101,\s?118,\s?97,\s?108\s?[\])]/
        $exec = /[\[(]\s?101,\s?120,\s?101,\s?99\s?[\],)]/
        $child = /\b99,\s?104,\s?105,\s?108,\s?100,\s?95,\s?112,\s?114,\s?111,\s?99/
        $subprocess = /\b115,\s?117,\s?98,\s?112,\s?114,\s?111,\s?99,\s?101,\s?115,\s?115/
        $import = /\b95,\s?95,\s?105,\s?109,\s?112,\s?111,\s?114,\s?116/
        $shell = /\b47,\s?98,\s?105,\s?110,\s?47,\s?(98,\s?97,\s?)?115,\s?104\b/
        $runs = /[^.\w](exec|eval|Function|require|__import__)\(\s{0,4}([\w.]{1,20}\(\s{0,4}){0,2}(String\.fromCharCode\(\s?\d|['"]{2}\.join\(\s?(map\(\s?chr\b|\[?\s?chr\()|bytes(array)?\(\s?\[\s?\d|chr\(\s?\d)/
    condition:
        any of them
}

// A key is taken off letter by letter, and the result runs.
rule decoder_loop_before_evaluator {
    meta:
        severity = "high"
        confidence = "medium"
        message = "takes a key off a text letter by letter, and runs the result"
    strings:
        $js_loop = /fromCharCode\([^\n;]{0,60}charCodeAt\([^\n;]{0,30}\)\s?(\^|-|\+)\s?\w/
        $js_runs = /[^.\w$](eval|Function)\(\s{0,4}\w{1,40}(\([^)\n]{0,60}\))?\s{0,4}\)/
        $py_loop = /\bchr\(\s?(ord\(\s?)?\w{1,20}(\[\w{1,20}\])?\s?\)?\s?\^\s?/
        $py_bytes = /\bbytes(array)?\(\s?\[?\s?\(?\w{1,20}(\[\w{1,20}\])?\s?\^[^\n]{1,60}\bfor\b/
        $py_runs = /[^.\w](exec|eval)\(\s{0,4}(compile\(\s{0,4})?\w{1,40}(\([^)\n]{0,60}\))?(\.decode\([^)]{0,20}\))?\s{0,4}[,)]/
    condition:
        for any i in (1..#js_loop) : ($js_runs in (@js_loop[i] + 1..@js_loop[i] + 599))
        or for any i in (1..#py_loop) : ($py_runs in (@py_loop[i] + 1..@py_loop[i] + 599))
        or for any i in (1..#py_bytes) : ($py_runs in (@py_bytes[i] + 1..@py_bytes[i] + 599))
}
