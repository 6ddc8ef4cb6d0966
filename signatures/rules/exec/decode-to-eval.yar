// Decoded text goes straight into an evaluator.

// A worker of a page takes such an address as a text, one of Node.js only as an address.
rule javascript_imports_text {
    meta:
        severity = "high"
        message = "loads a module from text in its own address"
    strings:
        $import = /\b(import\(|new Worker\(\s{0,4}new URL\()\s{0,4}['"`]data:(text|application)\/(javascript|ecmascript|x-javascript)/
        // What the program encodes itself hides nothing.
        $own = /\bimport\(\s{0,4}`data:text\/javascript;base64,\$\{\s{0,4}(Buffer\.from|btoa)\(/
    condition:
        #import > #own
}

rule program_starts_what_it_decodes {
    strings:
        $other = /\b(eval|assert|system|passthru)[ (]{1,2}\s{0,4}([\w.]{1,20}\(\s{0,4}){0,3}(base64_decode|gzinflate|gzuncompress|str_rot13|decode_base64|Base64\.(strict_|urlsafe_)?decode64)\b/
    condition:
        any of them
}

// The same over two lines, in a language that is not followed.
rule ruby_starts_what_it_decodes {
    strings:
        $decode = /=\s?[^\n]{0,100}(\.pack\(['"]H\*['"]\)|\.unpack1?\(['"]m0?['"]\)|Base64\.(strict_|urlsafe_)?decode64\(|Zlib::Inflate\.inflate\()[^\n]{0,80}\n[^\n]{0,120}\b(IO\.popen|system|exec|spawn|Open3\.\w{1,12}|eval|instance_eval|class_eval)[ (]{1,2}[a-z@]/
    condition:
        $decode
}
