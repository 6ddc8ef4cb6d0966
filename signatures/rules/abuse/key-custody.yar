// A program that puts the key itself into what it sends.
rule program_sends_wallet_key {
    strings:
        $body = /(JSON\.stringify\(|body:|data:|json\s?=|data\s?=|params\s?=)\s{0,4}\(?\{[^{}]{0,200}\b["']?(private_?key|secret_?key_?phrase|mnemonic|seed_?phrase|wallet_?key|wallet_?secret)["']?\s{0,2}[:,}]/ nocase
        $sends = /(fetch\(|axios|requests\.(post|put)|httpx\.(post|put)|\.post\(|XMLHttpRequest|http\.request|https\.request|sendBeacon)/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and $body and $sends
}
