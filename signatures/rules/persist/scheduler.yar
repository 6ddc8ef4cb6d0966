// Lines for cron, wherever they stand.
rule cron_line_fetches_its_code {
    meta:
        severity = "critical"
    strings:
        $pipe = /([\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,8}[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)|@(reboot|hourly|daily|weekly|monthly))[ \t]{1,8}[^\n]{0,80}\b(curl|wget)[ ][^\n]{1,300}\|[ ]{0,4}(sudo )?((ba|z|da)?sh|python3?|node)\b/
        $inner = /([\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,8}[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)|@(reboot|hourly|daily|weekly|monthly))[ \t]{1,8}[^\n]{0,80}(ba|z)?sh[ ](-c[ ])?\\?["']?[<$]\((curl|wget)[ ]/
        $encoded = /([\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,8}[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)|@(reboot|hourly|daily|weekly|monthly))[ \t]{1,8}[^\n]{0,400}\bbase64[ ](-d|-D|--decode)\b[^\n]{0,40}\|[ ]{0,4}(ba|z|da)?sh\b/
    condition:
        any of them
}

rule cron_line_starts_temporary_or_hidden_file {
    meta:
        confidence = "medium"
        message = "schedules a program in a temporary directory or hidden file"
    strings:
        $temp = /([\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,8}[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)|@(reboot|hourly|daily|weekly|monthly))[ \t]{1,8}((\/usr)?(\/bin\/)?((ba|z)?sh|python3?|node|nohup)[ ])?["']?(\/private)?(\/tmp|\/var\/tmp|\/dev\/shm)\//
        $hidden = /([\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,12}[ \t]{1,4}[\d*\/,-]{1,8}[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)[ \t]{1,4}([\d*\/,-]{1,8}|[A-Z][a-z]{2}(-[A-Z][a-z]{2})?|[A-Z]{3}(-[A-Z]{3})?)|@(reboot|hourly|daily|weekly|monthly))[ \t]{1,8}((\/usr)?(\/bin\/)?((ba|z)?sh|python3?|node|nohup)[ ])?["']?[~$\/][^\s"']{0,120}\/\.[\w-]{1,40}(\.(sh|py|js|mjs|pl|rb|bin))?["'\s]/
    condition:
        any of them
}
