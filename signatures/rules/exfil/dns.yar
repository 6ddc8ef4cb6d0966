rule shell_looks_up_pieces {
    strings:
        $loop = /for[ ](\w{1,20})[ ]in[ ][$`]\(?[^\n]{0,120}\b(base64|base32|xxd|od)\b[^~]{0,200}\b(dig|nslookup|host|ping)\b[^\n|;]{0,40}\$\{?\w{1,20}\}?(\.\$\{?\w{1,20}\}?)?\.[A-Za-z]/
        $read = /\b(base64|base32|xxd|od)\b[^\n]{0,80}\|[ ]?(fold|split|while)[^~]{0,200}\b(dig|nslookup|host|ping)\b[^\n|;]{0,40}\$\{?\w{1,20}\}?(\.\$\{?\w{1,20}\}?)?\.[A-Za-z]/
    condition:
        any of them
}

rule program_looks_up_encoded_data {
    strings:
        $node = /\b(resolve(4|6|Txt|Any|Cname)?|lookup)\(\s{0,4}(`\$\{[^}`\n]{1,80}\}(\.\$\{[^}`\n]{1,40}\})?(\.[a-z]|\.\$\{[A-Z][A-Z_]{1,30}\}`)|\w{1,40}\s{0,3}\+\s{0,3}["'`]\.[a-z])/
        $node_encoded = /toString\(["'](hex|base64|base64url)["']\)|\bbtoa\(/
        $python = /(gethostbyname|getaddrinfo|resolver\.resolve|resolver\.query)\(\s{0,4}(f["']\{[^}"'\n]{1,80}\}(\.\{[^}"'\n]{1,40}\})?(\.[a-z]|\.\{[A-Z][A-Z_]{1,30}\}["'])|\w{1,40}\s{0,3}\+\s{0,3}["']\.[a-z])/
        $python_encoded = /\.hex\(\)|hexlify\(|b(16|32|64)encode\(/
        $command = /(nslookup|dig|ping( -c ?1)?) (\$\{(chunk|data|enc|encoded|hex|part|piece|payload)\w{0,10}\}|\{(chunk|data|enc|encoded|hex|part|piece|payload)\w{0,10}\})\.[a-z]/
    condition:
        ($node and $node_encoded) or ($python and $python_encoded) or $command
}
