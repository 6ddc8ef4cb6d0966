// Dynamic context: an exclamation mark and inline code. The harness runs it before the model sees the text.
rule dynamic_context_runs_more_than_a_look {
    strings:
        $fetch = /(^|[^`\w!\\])!`[^`\n]{0,200}\b(curl|wget|nc|ncat|Invoke-WebRequest|iwr)\b[ ][^`\n]{0,300}`/
        $decode = /(^|[^`\w!\\])!`[^`\n]{0,200}\b(base64 (-d|-D|--decode)|xxd -r|openssl (enc|base64))[^`\n]{0,300}`/
        $secret = /(^|[^`\w!\\])!`[^`\n]{0,200}(\.ssh\/|\.aws\/|\.netrc|\.env\b|\bprintenv\b|credentials|id_rsa|security find-)[^`\n]{0,200}`/
        $eval = /(^|[^`\w!\\])!`[^`\n]{0,120}\b(eval|sh -c|bash -c|python3? -c|node -e|osascript|nohup|sudo)[ ][^`\n]{0,300}`/
        $write = /(^|[^`\w!\\])!`[^`\n]{0,120}(crontab|launchctl|systemctl|chmod \+x|>>[ ]?~|rm -rf)[ ]?[^`\n]{0,200}`/
    condition:
        kind == "markdown" and any of them
}
