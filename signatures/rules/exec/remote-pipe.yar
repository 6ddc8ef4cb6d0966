// PowerShell's own forms, which no shell grammar covers.
rule powershell_download_and_run {
    strings:
        $call = /\b(iex|invoke-expression)[ ]{0,4}\(?[ ]{0,4}\(?[ ]{0,4}(iwr|irm|invoke-webrequest|invoke-restmethod|new-object[ ]{1,4}(system\.)?net\.webclient)\b/ nocase
    condition:
        $call
}

// Whoever keeps the address says each time what is done next.
rule asks_for_commands_again_and_again {
    meta:
        severity = "critical"
        message = "asks an address for commands again and again, and runs what it answers"
    strings:
        $loop = /\bwhile[ ]{1,4}(:|true|\[[ ]1[ ]\])[ ]{0,4}[;\n][ \t]{0,12}do\b[^\x00]{0,400}\b(curl|wget)[ ][^\x00]{0,300}\b(eval|(ba|z|da)?sh[ ]{1,4}-c)[ ]{1,4}["']?\$[^\x00]{0,200}\bsleep[ ]/
    condition:
        $loop
}
