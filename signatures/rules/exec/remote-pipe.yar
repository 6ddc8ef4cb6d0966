// PowerShell's own forms, which no shell grammar covers.
rule powershell_download_and_run {
    strings:
        $call = /\b(iex|invoke-expression)[ ]{0,4}\(?[ ]{0,4}\(?[ ]{0,4}(iwr|irm|invoke-webrequest|invoke-restmethod|new-object[ ]{1,4}(system\.)?net\.webclient)\b/ nocase
    condition:
        $call
}
