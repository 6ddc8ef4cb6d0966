rule history_off_before_code_is_fetched {
    meta:
        severity = "high"
        confidence = "medium"
        message = "switches the record of commands off, then fetches or decodes code"
    strings:
        $off = /(unset HISTFILE|HISTFILE=\/dev\/null|HISTSIZE=0|HISTFILESIZE=0|set \+o history|HistorySaveStyle[ ]SaveNothing)\b[\s\S]{0,400}(\b(curl|wget)[ ][^\n]{0,300}\|[ ]?(sudo )?(ba|z|da)?sh\b|base64 (-d|-D|--decode)|\/dev\/tcp\/|\b(iex|irm|iwr)\b|\|[ ]?(nc|ncat)[ ])/
    condition:
        $off
}

rule history_off {
    meta:
        severity = "low"
        message = "switches the record of commands off"
    strings:
        $off = /(^|[\s;&"'`(])(unset HISTFILE\b|(export )?HISTFILE=\/dev\/null\b|(export )?HISTSIZE=0\b|(export )?HISTFILESIZE=0\b|set \+o history\b|history -c\b|Set-PSReadLineOption -HistorySaveStyle SaveNothing)/
    condition:
        $off
}

rule fetched_code_runs_unseen {
    meta:
        severity = "high"
        confidence = "medium"
        message = "runs fetched code in the background and throws all output away"
    strings:
        $pipe = /\b(curl|wget)[ ][^\n|]{1,300}\|[ ]?(sudo )?(ba|z|da)?sh\b[^\n|;]{0,60}(>[ ]?\/dev\/null[ ]2>&1|&>[ ]?\/dev\/null)[ ]?['"]?[ ]?&[^&]/
    condition:
        $pipe
}
