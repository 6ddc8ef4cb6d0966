// Jobs, wherever they stand: shipped, or as text in a program.
rule job_takes_all_secrets {
    strings:
        $all = /\$\{\{[ ]{0,3}toJSON\([ ]{0,3}secrets[ ]{0,3}\)[ ]{0,3}\}\}/ nocase
        $job = /runs-on[ ]?:/
    condition:
        all of them
}

rule job_runs_text_of_strangers_on_own_runner {
    strings:
        $own = /runs-on[ ]?:[ ]{0,3}\[?['"]?self-hosted/
        $text = /(run[ ]?:|\n)[^\n]{0,200}\$\{\{[ ]{0,3}github\.event\.(discussion|issue|comment)\.body[ ]{0,3}\}\}/
    condition:
        all of them
}

rule program_puts_job_into_repositories {
    meta:
        confidence = "medium"
        message = "puts a job into repositories through the code host's interface"
    strings:
        $interface = /\/contents\/\.github\/workflows\/|(createOrUpdateFileContents|create_file|update_file)\([^;]{0,300}\.github\/workflows\//
        $put = /['"]PUT['"]|createOrUpdateFileContents\(|\.(put|create_file|update_file)\(/
    condition:
        all of them
}

rule program_puts_job_into_every_repository {
    meta:
        confidence = "medium"
        message = "puts a job into every repository that it finds"
    strings:
        $find = /find ["']?(~|\$HOME|\/home|\/)["']?[ ][^\n]{0,60}-name ["']?\.git\b/
        $walk = /(os\.walk|rglob|glob)\([^\n]{0,80}(home\(\)|expanduser\(|['"]~)[\s\S]{0,300}['"]\.git['"]/
        $job = /\.github\/workflows\//
    condition:
        $job and any of ($find, $walk)
}
