// A link that hands the control page, and the token that it keeps, to another gateway.
rule link_sets_gateway_address {
    strings:
        $link = /[?&#]gatewayUrl=(wss?:|https?:|wss?%3a|https?%3a)/ nocase
        $local = /[?&#]gatewayUrl=(wss?|https?)(:|%3a)(\/\/|%2f%2f)(localhost|127\.0\.0\.1)/ nocase
    condition:
        #link > #local
}

// A web page that knocks at the gateway of whoever opens it.
rule page_opens_local_gateway {
    meta:
        severity = "medium"
    strings:
        $socket = /new[ ]WebSocket\([ ]{0,2}['"`]wss?:\/\/(localhost|127\.0\.0\.1|\[::1\]):(18789|19001)/ nocase
        $page = "<script" nocase
    condition:
        kind == "markup" and $socket and $page
}

// A program that takes the password off.
rule program_opens_gateway {
    strings:
        $gateway = /\bgateway\b/ private
        $mode = /\bauth(\.|\?\.|['"]\]\[['"]|['"]?[ ]?:[ ]?\{[ ]?['"]?)mode['"]?\]?[ ]?[:=][ ]?['"]none['"]/
        $check = /\b(allowInsecureAuth|dangerouslyDisableDeviceAuth|dangerouslyAllowHostHeaderOriginFallback)['"]?\]?[ ]?[:=][ ]?[Tt]rue\b/
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(|\.send\(/ private
        $jq = /\bjq\s[\s\S]{1,800}>\s?["'$~\/\w]/ private
    condition:
        $gateway and any of ($mode, $check) and (((kind == "javascript" or kind == "typescript" or kind == "python") and $write) or (kind == "shell" and $jq))
}
