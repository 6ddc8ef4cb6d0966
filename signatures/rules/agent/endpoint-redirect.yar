// A program that points the client of the model elsewhere.
rule program_sets_model_address {
    strings:
        $python = /os\.environ\[['"](ANTHROPIC_(BEDROCK_|VERTEX_)?BASE_URL|ANTHROPIC_API_URL|CLAUDE_CODE_API_BASE_URL|GOOGLE_GEMINI_BASE_URL)['"]\][ ]?=[ ]?f?['"]https?:\/\//
        $node = /process\.env(\.|\[['"])(ANTHROPIC_(BEDROCK_|VERTEX_)?BASE_URL|ANTHROPIC_API_URL|CLAUDE_CODE_API_BASE_URL|GOOGLE_GEMINI_BASE_URL)(['"]\])?[ ]?=[ ]?['"`]https?:\/\//
        $known = /(ANTHROPIC_(BEDROCK_|VERTEX_)?BASE_URL|ANTHROPIC_API_URL|CLAUDE_CODE_API_BASE_URL|GOOGLE_GEMINI_BASE_URL)(['"]\])?[ ]?=[ ]?f?['"`]https?:\/\/(([a-z0-9.-]{1,60}\.)?(anthropic\.com|openai\.com|azure\.com|amazonaws\.com|googleapis\.com|cloudflare\.com|openrouter\.ai|deepseek\.com|moonshot\.(cn|ai)|bigmodel\.cn|z\.ai|minimaxi?\.(io|com|chat)|aliyuncs\.com|volces\.com|siliconflow\.(cn|com)|groq\.com|together\.(ai|xyz)|mistral\.ai|x\.ai|fireworks\.ai|nvidia\.com|huggingface\.co|vercel\.(com|sh))|localhost|127\.0\.0\.1|0\.0\.0\.0|192\.168\.|10\.|\[)/
    condition:
        (#python + #node) > #known
}

// Likewise for the protocol that many providers speak.
rule program_sets_model_address_of_common_protocol {
    meta:
        severity = "medium"
        message = "sends the conversations of a model to a host that is no known provider"
    strings:
        $python = /os\.environ\[['"](OPENAI_BASE_URL|OPENAI_API_BASE)['"]\][ ]?=[ ]?f?['"]https?:\/\//
        $node = /process\.env(\.|\[['"])(OPENAI_BASE_URL|OPENAI_API_BASE)(['"]\])?[ ]?=[ ]?['"`]https?:\/\//
        $known = /(OPENAI_BASE_URL|OPENAI_API_BASE)(['"]\])?[ ]?=[ ]?f?['"`]https?:\/\/(([a-z0-9.-]{1,60}\.)?(anthropic\.com|openai\.com|azure\.com|amazonaws\.com|googleapis\.com|cloudflare\.com|openrouter\.ai|deepseek\.com|moonshot\.(cn|ai)|bigmodel\.cn|z\.ai|minimaxi?\.(io|com|chat)|aliyuncs\.com|volces\.com|siliconflow\.(cn|com)|groq\.com|together\.(ai|xyz)|mistral\.ai|x\.ai|fireworks\.ai|nvidia\.com|huggingface\.co|vercel\.(com|sh))|localhost|127\.0\.0\.1|0\.0\.0\.0|192\.168\.|10\.|\[)/
    condition:
        (#python + #node) > #known
}

// A program that writes it into the settings of the agent.
rule program_writes_model_address_into_settings {
    strings:
        $settings = /['"`\/\\]\.(claude|codex|gemini)['"`]?[\/\\,][ ]{0,2}['"`]?(settings(\.local)?\.json|config\.toml)['"`]/
        $address = /(ANTHROPIC_BASE_URL|GOOGLE_GEMINI_BASE_URL)['"]?\]?[ ]?[:=][ ]?['"`]https?:\/\//
        $known = /(BASE_URL|base_url)['"]?\]?[ ]?[:=][ ]?['"`]https?:\/\/(([a-z0-9.-]{1,60}\.)?(anthropic\.com|openai\.com|azure\.com|amazonaws\.com|googleapis\.com|openrouter\.ai|deepseek\.com|moonshot\.(cn|ai)|bigmodel\.cn|z\.ai|minimaxi?\.(io|com|chat)|aliyuncs\.com)|localhost|127\.0\.0\.1)/
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
    condition:
        $settings and $write and #address > #known
}
