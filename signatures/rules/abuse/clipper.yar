// What is copied is looked through for an address of a wallet, and another one is put in its place.
rule clipboard_address_is_swapped {
    strings:
        $read = /\bpyperclip\.paste\(|\bclipboard\.readText\(|\bGet-Clipboard\b|\bGetClipboardData\(|\bclipboardy\.read|\bpbpaste\b|\bxclip -o|\bclipboard_get\(/ nocase
        $write = /\bpyperclip\.copy\(|\bclipboard\.writeText\(|\bSet-Clipboard\b|\bSetClipboard(Data|Text)\(|\bclipboardy\.write|\bpbcopy\b|\bxclip -(i|sel)|\bclipboard_append\(/ nocase
        $shape = /0x\[[a-f0-9A-F\-]{3,12}\]\{40\}|\[13\]\[a-km-z|bc1\|\[13\]|\(\?:bc1|bc1\[a-z0-9\]/ nocase
        $loop = /\bwhile\s?\(?\s?\$?(true|1)\b|\bwhile :|\bsetInterval\(/ nocase
        $constant = /['"](0x[0-9a-f]{40}|bc1[a-z0-9]{25,60})['"]/ nocase
    condition:
        all of them
}

// The same on a page, at the moment of copying.
rule page_swaps_address_on_copy {
    strings:
        $event = /addEventListener\(\s?['"](copy|cut|paste)['"]|\boncopy\s?=/
        $put = /clipboardData\.setData\(|clipboard\.writeText\(/
        $shape = /0x\[[a-f0-9A-F\-]{3,12}\]\{40\}|\[13\]\[a-km-z|bc1\|\[13\]|\(\?:bc1|bc1\[a-z0-9\]/ nocase
        $constant = /['"](0x[0-9a-f]{40}|bc1[a-z0-9]{25,60})['"]/ nocase
    condition:
        all of them
}

// Every address in a text becomes one and the same.
rule addresses_are_replaced {
    strings:
        $replace = /\.replace(All)?\(\s?\/[^\n]{0,24}(0x\[[^\n]{3,12}\]\{40\}|\[13\]\[|bc1)[^\n]{0,60}\/[gim]{0,3}\s?,\s?['"`](0x[0-9a-f]{40}|bc1[a-z0-9]{25,60})/ nocase
        $sub = /\bre\.sub\(\s?r?['"][^\n]{0,24}(0x\[[^\n]{3,12}\]\{40\}|\[13\]\[|bc1)[^\n]{0,60}['"]\s?,\s?['"](0x[0-9a-f]{40}|bc1[a-z0-9]{25,60})/ nocase
    condition:
        any of them
}

// The wallet of the browser is wrapped, and the recipient is changed.
rule wallet_request_is_changed {
    meta:
        severity = "high"
        message = "stands between a page and the wallet, and changes the recipient"
    strings:
        $wrap = /\bethereum\.(request|send|sendAsync)\s?=\s?(async\s?)?(function|\(|new Proxy)/
        $to = /\bparams(\[0\]|\?\.\[0\])\.to\s?=[^=]/
    condition:
        all of them
}

// A table of patterns of addresses, each with the one that takes its place.
rule table_of_addresses_and_their_replacements {
    meta:
        severity = "critical"
        confidence = "medium"
        message = "holds patterns of wallet addresses, each with an address to put in its place"
    strings:
        $ethereum = /['"`\/][^'"`\n]{0,20}0x\[[0-9a-fA-F-]{3,12}\]\{40\}[^'"`\n]{0,20}['"`\/][a-z]{0,3}[ ]?[,:][ ]?['"`]0x[0-9a-fA-F]{40}['"`]/
        $bitcoin = /['"`\/][^'"`\n]{0,24}(bc1[q(]?\[|\[13\]\[)[^'"`\n]{0,80}['"`\/][a-z]{0,3}[ ]?[,:][ ]?['"`](bc1[a-z0-9]{25,60}|[13][1-9A-HJ-NP-Za-km-z]{25,34})['"`]/
        $tron = /['"`\/][^'"`\n]{0,20}T\[[^\]\n]{5,40}\]\{3[0-9]\}[^'"`\n]{0,20}['"`\/][a-z]{0,3}[ ]?[,:][ ]?['"`]T[1-9A-Za-z]{30,36}['"`]/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and 2 of them
}
