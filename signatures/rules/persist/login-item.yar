// Start entries as files, and as text in programs that write them.
rule start_entry_fetches_its_code {
    meta:
        severity = "critical"
        message = "starts a command by itself that fetches or decodes its code"
    strings:
        $unit = /\n(ExecStart(Pre|Post)?|Exec)=[^\n]{0,200}\b(curl|wget)[ ][^\n]{1,300}\|[ ]{0,4}(sudo )?(ba|z|da)?sh\b/
        $unit_encoded = /\n(ExecStart(Pre|Post)?|Exec)=[^\n]{0,300}\bbase64[ ](-d|-D|--decode)\b/
        $plist = /<key>ProgramArguments<\/key>\s{0,40}<array>(\s{0,40}<string>[^<]{0,80}<\/string>){1,3}\s{0,40}<string>[^<]{0,200}\b(curl|wget)[ ][^<]{1,300}\|[ ]{0,4}(sudo )?(ba|z|da)?sh\b/
        $plist_encoded = /<key>ProgramArguments<\/key>\s{0,40}<array>(\s{0,40}<string>[^<]{0,80}<\/string>){1,3}\s{0,40}<string>[^<]{0,300}\bbase64[ ](-d|-D|--decode)\b/
    condition:
        any of them
}

rule start_entry_in_temporary_or_hidden_place {
    strings:
        $unit = /\n(ExecStart|Exec)=[-@:+!]{0,2}("?(\/usr)?\/bin\/)?((env )?((ba|z)?sh|python3?|node)[ ](-c )?)?["']?(\/private)?(\/tmp|\/var\/tmp|\/dev\/shm|\/Users\/Shared)\//
        $unit_hidden = /\n(ExecStart|Exec)=[-@:+!]{0,2}("?(\/usr)?\/bin\/)?((env )?((ba|z)?sh|python3?|node)[ ](-c )?)?["']?[~%\/][^\s"']{0,120}\/\.[\w-]{1,40}(\.(sh|py|js|mjs|pl|rb|bin))?["']?(\n|[ ])/
        $plist = /<key>Program(Arguments)?<\/key>\s{0,40}(<array>\s{0,40})?(<string>[^<]{0,60}\/((ba|z)?sh|env|python3?|node|osascript)<\/string>\s{0,40}(<string>-?\w{1,8}<\/string>\s{0,40})?)?<string>(\/private)?(\/tmp|\/var\/tmp|\/dev\/shm|\/Users\/Shared)\//
        $plist_hidden = /<key>Program(Arguments)?<\/key>\s{0,40}(<array>\s{0,40})?(<string>[^<]{0,60}\/((ba|z)?sh|env|python3?|node|osascript)<\/string>\s{0,40}(<string>-?\w{1,8}<\/string>\s{0,40})?)?<string>[^<\s]{0,120}\/\.[\w-]{1,40}(\.(sh|py|js|mjs|pl|rb|bin))?<\/string>/
    condition:
        any of them
}

rule start_entry_with_name_of_the_system {
    meta:
        message = "starts a program by itself under a name of the system's maker"
    strings:
        $label = /<key>Label<\/key>\s{0,40}<string>com\.(apple|google|microsoft|adobe)\.[\w.-]{1,60}<\/string>/
        $start = /<key>Program(Arguments)?<\/key>/
        $own = /<string>(\/System\/|\/Applications\/|\/usr\/)/
    condition:
        $label and $start and not $own
}

// The same in a program that writes the entry.
rule program_writes_start_entry_with_name_of_the_system {
    meta:
        message = "starts a program by itself under a name of the system's maker"
    strings:
        $label = /\blabel['"]?[ ]{0,3}[:=][ ]{0,3}f?['"]com\.(apple|google|microsoft|adobe)\.[\w.-]{1,60}['"]/ nocase
        $start = /['"]ProgramArguments['"][ ]{0,2}[:=\]]/
        $place = "LaunchAgents"
    condition:
        all of them
}

rule run_key_starts_hidden_shell {
    meta:
        severity = "critical"
        message = "starts a hidden shell at every login"
    strings:
        $key = /CurrentVersion\\{1,2}Run(Once)?['"]?[^\n]{0,80}(\n[^\n]{0,40})?\b(powershell|pwsh)(\.exe)?[ ][^\n]{0,60}-w(indowstyle)? {1,2}hidden/ nocase
    condition:
        $key
}

rule program_sets_run_key {
    meta:
        severity = "medium"
        message = "sets a program to start at every login, in the registry"
    strings:
        $key = /CurrentVersion\\{1,2}Run(Once)?\b/
        $python = /winreg\.(SetValueEx?|CreateKey(Ex)?)\(/
        $node = /\.(set|create)\([^\n]{0,40}Registry\./
    condition:
        $key and ($python or $node)
}
