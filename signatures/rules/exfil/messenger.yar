rule program_sends_facts_to_literal_chat {
    meta:
        severity = "high"
        message = "sends files, keys or facts about the machine to the chat of whoever wrote the package"
    strings:
        $bot = /\/bot[0-9]{8,10}:[A-Za-z0-9_\-]{35}\/(send|edit)/
        $hook = /\/api\/webhooks\/[0-9]{17,20}\/[A-Za-z0-9_\-]{60,80}/
        $service = /\/services\/T[A-Z0-9]{8,11}\/B[A-Z0-9]{8,11}\/[A-Za-z0-9]{24}/
        $source = /sendDocument|dict\(os\.environ\)|JSON\.stringify\(process\.env\)|os\.hostname\(\)|gethostname\(\)|os\.userInfo\(\)|getpass\.getuser\(\)|files\s?=\s?\{|createReadStream\(|\.ssh\/|openclaw\.json|Login Data/
    condition:
        kind != "markdown" and kind != "shell" and any of ($bot, $hook, $service) and $source
}

rule program_names_literal_chat {
    strings:
        $bot = /\/bot[0-9]{8,10}:[A-Za-z0-9_\-]{35}\/(send|edit)/
        $hook = /\/api\/webhooks\/[0-9]{17,20}\/[A-Za-z0-9_\-]{60,80}/
        $service = /\/services\/T[A-Z0-9]{8,11}\/B[A-Z0-9]{8,11}\/[A-Za-z0-9]{24}/
    condition:
        kind != "markdown" and kind != "shell" and any of them
}
