rule program_asks_metadata_service {
    strings:
        $path = /(169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200)\/[\w.\/-]{0,60}(security-credentials|\/token|identity\/oauth2|identity-credentials|user-data)/
        $task = /169\.254\.170\.2["'`]?\s{0,3}[+,\/$]/
        $number = /https?:\/\/(2852039166|0xa9fea9fe)\b/ nocase
    condition:
        kind != "markdown" and kind != "text" and kind != "shell" and any of them
}
