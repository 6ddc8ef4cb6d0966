// A program that points the client of the model elsewhere.
rule program_sets_model_address {
    meta:
        not_hosts = "provider local"
    strings:
        $python = /os\.environ\[['"](ANTHROPIC_(BEDROCK_|VERTEX_)?BASE_URL|ANTHROPIC_API_URL|CLAUDE_CODE_API_BASE_URL|GOOGLE_GEMINI_BASE_URL)['"]\][ ]?=[ ]?f?['"]https?:\/\//
        $node = /process\.env(\.|\[['"])(ANTHROPIC_(BEDROCK_|VERTEX_)?BASE_URL|ANTHROPIC_API_URL|CLAUDE_CODE_API_BASE_URL|GOOGLE_GEMINI_BASE_URL)(['"]\])?[ ]?=[ ]?['"`]https?:\/\//
    condition:
        any of them
}

// Likewise for the protocol that many providers speak.
rule program_sets_model_address_of_common_protocol {
    meta:
        severity = "medium"
        message = "sends the conversations of a model to a host that is no known provider"
        not_hosts = "provider local"
    strings:
        $python = /os\.environ\[['"](OPENAI_BASE_URL|OPENAI_API_BASE)['"]\][ ]?=[ ]?f?['"]https?:\/\//
        $node = /process\.env(\.|\[['"])(OPENAI_BASE_URL|OPENAI_API_BASE)(['"]\])?[ ]?=[ ]?['"`]https?:\/\//
    condition:
        any of them
}

// A program that writes it into the settings of the agent.
rule program_writes_model_address_into_settings {
    meta:
        not_hosts = "provider local"
    strings:
        $settings = /['"`\/\\]\.(claude|codex|gemini)['"`]?[\/\\,][ ]{0,2}['"`]?(settings(\.local)?\.json|config\.toml)['"`]/
        $address = /(ANTHROPIC_BASE_URL|GOOGLE_GEMINI_BASE_URL)['"]?\]?[ ]?[:=][ ]?['"`]https?:\/\//
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
    condition:
        all of them
}
