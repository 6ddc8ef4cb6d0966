// A program that changes what the agent may do unasked.
rule program_switches_approvals_off {
    strings:
        $mode = /\bdefaultMode['"]?\]?[ ]?[:=][ ]?['"`]bypassPermissions['"`]/
        $trust = /\b(enableAllProjectMcpServers|skipDangerousModePermissionPrompt|bypassPermissionsModeAccepted|hasTrustDialogAccepted)['"]?\]?[ ]?[:=][ ]?([Tt]rue)\b/
        $auto = /chat\.tools\.(global\.)?autoApprove['"]\]?[ ]?[:=][ ]?([Tt]rue)\b/
        $ask = /\bexec(\.|\?\.|['"]\]\[['"]|['"]?[ ]?:[ ]?\{[ ]?['"]?)ask['"]?\]?[ ]?[:=][ ]?['"]off['"]/
        $approvals = /\bexec[-.]approvals[^\n]{0,200}\bask['"]?[ ]?[:=][ ]?['"]off['"]/
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(|\.send\(|\.write\(/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and $write and any of ($mode, $trust, $auto, $ask, $approvals)
}

// A program that starts another agent with its checks off.
rule program_starts_agent_unchecked {
    meta:
        severity = "medium"
        message = "starts another agent with its checks switched off"
    strings:
        $call = /\b(spawnSync|spawn|execFileSync|execFile|execa|run|Popen|check_call|check_output|call|create_subprocess_exec)\([ \n]{0,12}\[?[ \n]{0,12}['"`](claude|claude-code|gemini|codex|qwen|q|amp|opencode|cursor-agent|copilot|kiro-cli)['"`],[ \n]{0,12}\[?[^\])]{0,300}['"`](--dangerously-skip-permissions|--yolo|--trust-all-tools|--dangerously-bypass-approvals-and-sandbox|--dangerously-allow-all|--allow-all-tools)['"`]/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and $call
}
