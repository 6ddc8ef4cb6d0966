rule program_sends_agent_file {
    meta:
        severity = "critical"
        confidence = "high"
    strings:
        $call = /\b(post|put|sendall|urlopen|fetch)\([^;)]{0,200}(readFileSync|readFile|open|read_text|read_bytes|expanduser)\(([^;)]|\(\)){0,120}(openclaw\.json|clawdbot\.json|moltbot\.json|auth-profiles\.json|paired\.json|device-auth\.json|\.credentials\.json|\.codex[\/\\]{1,2}auth\.json|oauth_creds\.json)/
    condition:
        $call
}
