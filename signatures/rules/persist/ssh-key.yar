// Programs that write the file themselves.
rule program_writes_authorized_keys {
    strings:
        $python = /open\([^)\n]{0,120}authorized_keys[^)\n]{0,20}['"],[ ]?['"][aw]/
        $pathlib = /authorized_keys['"]?\)?\.(write_text|write_bytes)\(/
        $node = /(appendFile|writeFile|createWriteStream)(Sync)?\([^)\n]{0,120}authorized_keys/
        $read = /readFile(Sync)?\([^)\n]{0,120}authorized_keys/
    condition:
        any of ($python, $pathlib, $node) and not $read
}
