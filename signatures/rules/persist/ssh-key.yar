// Programs that write the file themselves.
rule program_writes_authorized_keys {
    strings:
        $python = /open\([^\n]{0,120}authorized_keys[^)\n]{0,20}['"]\){0,2},[ ]?['"][aw]/
        $pathlib = /authorized_keys['"]?\)?\.(write_text|write_bytes)\(/
        $node = /(appendFile|writeFile|createWriteStream)(Sync)?\([^\n]{0,120}authorized_keys/
    condition:
        any of them
}

rule program_holds_key_and_writes_authorized_keys {
    strings:
        $file = "authorized_keys"
        $key = /['"](ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp\d{3}) AAAA[A-Za-z0-9+\/]{20}/
        $python = /open\([^)\n]{1,120},[ ]?['"]a/
        $node = /(appendFile|writeFile|createWriteStream)(Sync)?\(/
    condition:
        $file and $key and any of ($python, $node)
}
