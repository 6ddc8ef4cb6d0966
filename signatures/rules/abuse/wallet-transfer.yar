// The balance is asked for, and goes to a recipient that stands in the program.
rule balance_goes_to_fixed_recipient {
    strings:
        $balance = /\bget_?balance\(|\bbalanceOf\(|\bgetTokenAccountBalance\(|\beth\.get_balance\(/ nocase
        $to_literal = /\b(to|toPubkey|to_pubkey|recipient|destination)['"]?\s?[:=]\s?(new PublicKey\(\s?|Pubkey\.from_string\(\s?|PublicKey\(\s?|Web3\.to_checksum_address\(\s?)?['"](0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{32,44})['"]/
        $send = /\b(sendTransaction|sendAndConfirmTransaction|send_raw_transaction|sendRawTransaction|send_transaction|signAndSendTransaction|sendSignedTransaction)\(/
        $value = /\b(value|lamports|amount)['"]?\s?[:=]\s?\w{0,20}(balance|bal)\b/ nocase
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and $value and
        // Large programs hold all of it somewhere, far apart.
        for any i in (1..#send) : (
            $to_literal in (@send[i] - 4000..@send[i] + 4000) and $balance in (@send[i] - 4000..@send[i] + 4000)
        )
}

// A fixed recipient without a question.
rule transfer_to_fixed_recipient {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "sends money to a recipient that stands in the program"
    strings:
        $direct = /\b(sendTransaction|sendTransfer)\(\s?\{[^}]{0,120}\bto['"]?\s?:\s?['"]0x[0-9a-fA-F]{40}['"]/
        $token = /\.(transfer|safeTransfer)\(\s?['"]0x[0-9a-fA-F]{40}['"]\s?,/
        $solana = /\bSystemProgram\.transfer\(\s?\{[^}]{0,160}\btoPubkey\s?:\s?new PublicKey\(\s?['"]/
        $asks = /\b(confirm|prompt|question|readline|inquirer|input)\b/ nocase
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and any of ($direct, $token, $solana) and not $asks
}

rule approval_without_limit {
    meta:
        severity = "low"
        message = "lets another account take any amount of a token"
    strings:
        $approve = /\bapprove\([^\n]{1,80}(MaxUint256|maxUint256|MAX_UINT(256)?|2\s?\*\*\s?256\s?-\s?1|max_uint)/
        $all = /\bsetApprovalForAll\([^\n]{1,60},\s?[Tt]rue\s?\)/
    condition:
        any of them
}
