rule program_adds_hidden_copy {
    meta:
        severity = "critical"
        confidence = "high"
        message = "sends a hidden copy of every mail to an address in the program"
    strings:
        $bcc = /["']?\b[Bb](cc|CC)["']?\]?\s{0,3}[:=]\s{0,3}\[?\s{0,3}["'`][\w.+\-]{1,64}@[\w\-]{1,64}(\.[\w\-]{1,32}){1,4}["'`]/
        $add = /["'](Bcc|bcc|BCC)["']\s{0,2},\s{0,2}["'`][\w.+\-]{1,64}@[\w\-]{1,64}(\.[\w\-]{1,32}){1,4}["'`]/
        $list = /["']?\b[Bb](cc|CC)["']?\]?\s{0,3}[:=]\s{0,3}[\[(][^\n\])]{1,60}["'`][\w.+\-]{1,64}@[\w\-]{1,64}(\.[\w\-]{1,32}){1,4}["'`]/
        $more = /\b[Bb](cc|CC)["'\]]{0,2}\.(push|append|add)\(\s{0,3}["'`][\w.+\-]{1,64}@[\w\-]{1,64}(\.[\w\-]{1,32}){1,4}["'`]/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and any of them
}
