// PowerShell and script host texts; no shell grammar covers them.
rule powershell_runs_what_it_downloads {
    strings:
        $string = /\.download(string|data)\([^\n]{1,300}\|[ ]{0,3}(iex|invoke-expression)\b/ nocase
        $block = /\[scriptblock\]::create\([^\n]{0,60}(downloadstring|frombase64string)/ nocase
        $plain = /\[scriptblock\]::create\([^\n]{0,60}(iwr|irm|invoke-webrequest|invoke-restmethod)\b[^\n]{0,60}(http:\/\/|https?:\/\/\d{1,3}\.\d|\$)/ nocase
        $assembly = /reflection\.assembly\]::load\([^\n]{0,80}(frombase64string|downloaddata|invoke-webrequest)/ nocase
    condition:
        any of them
}

// As vendors' installers are given arguments.
rule powershell_runs_a_page_as_a_block {
    meta:
        severity = "medium"
        message = "downloads a script and runs it without a look at it"
    strings:
        $block = /\[scriptblock\]::create\([^\n]{0,60}(iwr|irm|invoke-webrequest|invoke-restmethod)\b/ nocase
    condition:
        $block
}

rule powershell_runs_what_it_decodes {
    strings:
        $before = /\b(iex|invoke-expression)\b[^\n]{0,120}frombase64string\(/ nocase
        $after = /frombase64string\([^\n]{1,4000}\|[ ]{0,3}(iex|invoke-expression)\b/ nocase
        $split = /-join[^\n|]{0,80}\|[ ]{0,3}(iex|invoke-expression)\b/ nocase
        $tick = /\b(i`ex|ie`x|i`e`x|i`n`v`o|inv`oke-)/ nocase
    condition:
        any of them
}

// An address that nobody is to read, and what stands there is run.
rule powershell_hides_address {
    strings:
        $address = /[Ff]rom[Bb]ase64[Ss]tring\(['"]aHR0c[A-Za-z0-9+\/]{8,400}={0,2}['"]/
        $client = /\b(net\.webclient|iwr|irm|invoke-webrequest|invoke-restmethod|httpclient)\b/ nocase
        $run = /\b(iex|invoke-expression)\b|\[scriptblock\]::create\(/ nocase
    condition:
        all of them
}

// Names that no one writes in pieces but to hide them.
rule powershell_names_in_pieces {
    strings:
        $client = /['"](system\.)?net\.['"][ ]{0,2}\+[ ]{0,2}['"]web/ nocase
        $method = /['"]down(load)?['"][ ]{0,2}\+[ ]{0,2}['"](load|string|data|file)/ nocase
        $run = /['"](i['"][ ]{0,2}\+[ ]{0,2}['"]ex|invoke-['"][ ]{0,2}\+[ ]{0,2}['"]exp)/ nocase
        $guard = /['"](add|set)-['"]?[ ]{0,2}\+?[ ]{0,2}['"]?mp['"][ ]{0,2}\+[ ]{0,2}['"]pref/ nocase
        $decode = /['"]from['"]?[ ]{0,2}\+?[ ]{0,2}['"]?base['"][ ]{0,2}\+[ ]{0,2}['"]64/ nocase
    condition:
        2 of them
}

rule script_host_downloads_and_runs {
    strings:
        $request = /\b(msxml2\.(server)?xmlhttp|winhttp\.winhttprequest|microsoft\.xmlhttp)/ nocase
        $stream = "adodb.stream" nocase
        $shell = /\b(wscript\.shell|shell\.application)\b/ nocase
        $run = /\.(run|exec|shellexecute)\b[ (]/ nocase
    condition:
        all of them
}

// The same as words of a list that a program starts.
rule program_starts_tool_of_windows {
    strings:
        $tool = /['"](mshta|rundll32|regsvr32)(\.exe)?['"],[^\]\n]{0,80}['"]([\/-]i:)?(https?:|javascript:|vbscript:)/ nocase
        $hidden = /['"](powershell|pwsh)(\.exe)?['"],[^\]\n]{0,80}['"]hidden['"],[^\]\n]{0,80}\b(iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring|downloadfile|start-bitstransfer)\b/ nocase
    condition:
        any of them
}
