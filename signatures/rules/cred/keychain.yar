rule program_asks_for_browser_key {
    meta:
        message = "asks the keychain for the key that unlocks a browser's passwords"
    strings:
        $name = /["'](Chrome|Chromium|Brave|Microsoft Edge|Arc|Opera|Vivaldi|Yandex) Safe Storage["']/
        $call = /get_password\(|find-generic-password|keytar\.|SecItemCopyMatching|PBKDF2|pbkdf2/
    condition:
        for any i in (1..#name) : ($call in (@name[i] - 400..@name[i] + 400))
}

rule program_lists_key_store {
    strings:
        $node = /keytar\.findCredentials\(\s{0,4}["'][^"'\n]{1,60}Safe Storage/
        $swift = /kSecMatchLimitAll[^}]{0,400}kSecReturnData/
        $windows = /\bCredEnumerate[AW]?\(/
    condition:
        any of them
}
