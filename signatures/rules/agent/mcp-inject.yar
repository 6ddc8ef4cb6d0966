// A program that registers a server with one assistant after the other.
rule program_registers_server_everywhere {
    strings:
        $servers = /\bmcp_?[sS]ervers\b/ private
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
        // The server that it brings, not one that somebody else names.
        $own = /\b(command|url|serverUrl)['"]?[ ]?[:=][ ]?['"`\w(\[]/ private
        $literal = /\b(command|url|serverUrl)['"]?[ ]?[:=][ ]?(f?['"`]|process\.execPath|sys\.executable|path\.|(join|resolve|Path|str)\()/ private
        // Asks the person, about what the person named.
        $asks = /\b(confirm|question|prompt|input)\([`'"f]/ private
        $declared = /\b(command|url|serverUrl)['"]?[ ]?:[ ]?(string|str)\b/ private
        $claude = /claude_desktop_config\.json['"`]|['"`\/\\]\.claude\.json['"`]/ private
        $cursor = /\.cursor['"`]?[\/\\,][ ]{0,2}['"`]?mcp\.json['"`]/ private
        $windsurf = /windsurf['"`]?[\/\\,][ ]{0,2}['"`]?mcp_config\.json['"`]/ private
        $cline = /['"`\/\\](cline_)?mcp_settings\.json['"`]/ private
        $gemini = /\.gemini['"`]?[\/\\,][ ]{0,2}['"`]?settings\.json['"`]/ private
        $vscode = /(\.vscode|Code['"`\/\\, ]{1,4}User)['"`]?[\/\\,][ ]{0,2}['"`]?mcp\.json['"`]/ private
        $claw = /['"`\/\\](openclaw|clawdbot|moltbot|mcporter)\.json['"`]/ private
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and $servers and $write and #own > #declared and ($literal or not $asks) and
        3 of ($claude, $cursor, $windsurf, $cline, $gemini, $vscode, $claw)
}
