// The table is turned round until a sum is right: what the common obfuscators put in front.
rule javascript_rotated_table {
    strings:
        $turn = /(\.push|\[['"]push['"]\])\(\s?\w{1,20}(\.shift|\[['"]shift['"]\])\(\)\s?\)/
        $sum = /\bparseInt\(\s?\w{1,20}\((0x[0-9a-f]{1,6}|\d{1,6})(,\s?['"]?[^)\n]{1,12})?\)\s?\)\s?\/\s?(0x[0-9a-f]{1,3}|\d{1,3})/
    condition:
        $turn and #sum >= 3
}

// No letters at all.
rule javascript_without_letters {
    strings:
        $brackets = "(![]+[])[+[]]"
        $dollars = "$=~[];$={___:++$"
        $faces = "\xef\xbe\x9f\xcf\x89\xef\xbe\x9f\xef\xbe\x89= /\xef\xbd\x80\xef\xbd\x8d\xc2\xb4\xef\xbc\x89\xef\xbe\x89"
    condition:
        any of them
}

rule javascript_packed_words {
    meta:
        severity = "medium"
        message = "a program unpacks itself from a table of words before it runs"
    strings:
        $packer = /eval\(function\(p,\s?a,\s?c,\s?k,\s?e,\s?[dr]\)/
    condition:
        $packer
}

rule javascript_names_of_an_obfuscator {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "a program whose names and strings were made unreadable"
    strings:
        $name = /\b_0x[0-9a-f]{4,6}\b/
        $access = /\b_0x[0-9a-f]{4,6}\((0x[0-9a-f]{1,5}|_0x[0-9a-f]{4,6})/
    condition:
        #name >= 24 and #access >= 6
}

// Numbers pick letters from an alphabet.
rule javascript_index_table {
    strings:
        $pick = /\[\s?(\d{1,3}\s?,\s?){11,400}\d{1,3}\s?\]\.map\(\s?\(?\w{1,10}\)?\s?=>\s?\w{1,20}(\[|\.charAt\(|\.at\()[^\n]{1,40}\]?\)\.join\(\s?['"`]{2}/
    condition:
        $pick
}

rule python_protected_program {
    meta:
        severity = "medium"
        message = "a program that was made unreadable on purpose"
    strings:
        $runtime = /\bfrom pytransform import|\b(pyarmor_runtime|pyarmor_runtime_\d{6}) import|\b__pyarmor__\(/
    condition:
        $runtime
}
