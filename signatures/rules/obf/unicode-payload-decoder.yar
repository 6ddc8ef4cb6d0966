// Selectors, tags and private characters are turned back into bytes, and those run.
rule invisible_characters_are_run {
    strings:
        $selector = /\b(codePointAt|charCodeAt)\(\w{0,10}\)\s?-\s?(0xfe00|0xe0100|0xe0000|0xe000|65024|917760|917504|57344)\b/ nocase
        $ord = /\bord\(\s?\w{1,20}\s?\)\s?-\s?(0xfe00|0xe0100|0xe0000|0xe000|65024|917760|917504|57344)\b/ nocase
        $variable = /[\w)]\s?-\s?(0xfe00|0xe0100|0xe0000|65024|917760|917504)\b/ nocase
        $runs = /[^.\w$](eval|exec|Function)\(\s{0,4}[\w'"`]|\.(runInThisContext|runInNewContext|_compile)\(/
    condition:
        any of ($selector, $ord, $variable) and $runs
}

rule invisible_characters_are_decoded {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "turns characters that do not show into text"
    strings:
        $selector = /\b(codePointAt|charCodeAt)\(\w{0,10}\)\s?-\s?(0xfe00|0xe0100|0xe0000|65024|917760|917504)\b/ nocase
        $ord = /\bord\(\s?\w{1,20}\s?\)\s?-\s?(0xfe00|0xe0100|0xe0000|65024|917760|917504)\b/ nocase
    condition:
        any of them
}

// Zero-width characters stand for the two digits of a number.
rule zero_width_digits_are_run {
    strings:
        $digit = /\\u200[bcd]['"\/]?g?\s?[:,]\s?['"]?[01]\b/
        $number = /\bparseInt\([^\n]{1,60},\s?2\s?\)|\bint\([^\n]{1,60},\s?2\s?\)/
        $runs = /[^.\w$](eval|exec|Function)\(\s{0,4}[\w'"`]/
    condition:
        all of them
}

// A string of a program that looks empty.
rule string_of_selectors {
    strings:
        $narrow = /['"`](\xEF\xB8[\x80-\x8F]){16}/
        $wide = /['"`](\xF3\xA0[\x84-\x87][\x80-\xBF]){16}/
    condition:
        any of them
}
