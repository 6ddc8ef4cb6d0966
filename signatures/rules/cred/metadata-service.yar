// What an SDK does as well: what becomes of the answer is followed.
rule program_asks_metadata_service {
    meta:
        severity = "medium"
    strings:
        $path = /(169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200)\/[\w.\/-]{0,60}(security-credentials|\/token|identity\/oauth2|identity-credentials|user-data)/
        $task = /169\.254\.170\.2["'`]?\s{0,3}[+,\/$]/
    condition:
        kind != "markdown" and kind != "text" and kind != "shell" and any of them
}

rule program_asks_metadata_service_by_number {
    meta:
        message = "asks the cloud's metadata service by a disguised address"
    strings:
        $number = /https?:\/\/(2852039166|0xa9fea9fe)\b/ nocase
    condition:
        kind != "markdown" and $number
}
