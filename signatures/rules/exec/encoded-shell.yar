// For places that no parser reads: other languages, binaries, broken text.
rule literal_base64_into_shell {
    strings:
        $pipe = /['"][A-Za-z0-9+\/]{20,2000}={0,2}['"][ ]?\|[ ]?(\/usr\/bin\/)?base64 (-d|-D|--decode|-di|-id)[^|\n]{0,40}\|[ ]?(sudo )?(\/bin\/)?(ba|z|da|k)?sh/
    condition:
        (kind == "text" or kind == "toml" or kind == "ini" or kind == "binary") and $pipe
}
