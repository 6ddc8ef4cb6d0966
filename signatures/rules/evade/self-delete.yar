rule shell_deletes_own_file {
    strings:
        $rm = /\b(rm|shred|unlink|srm)( -[\w-]{1,8}){0,3} ["']?\$(0|\{0\}|\{?BASH_SOURCE(\[0\])?\}?)["'\s;&)]/
        $real = /\b(rm|shred|unlink|srm)( -[\w-]{1,8}){0,3} ["']?\$\((realpath|readlink -f|basename) ["']?\$(0|\{?BASH_SOURCE)/
        $named = /(^|\n)(SELF|self|ME|me|THIS|THIS_SCRIPT|SCRIPT|SCRIPT_PATH)=["']?(\$0|\$\((realpath|readlink -f) ["']?\$(0|\{?BASH_SOURCE))[\s\S]{0,2000}\b(rm|shred|unlink)( -[\w-]{1,8}){0,3} ["']?\$\{?(SELF|self|ME|me|THIS|THIS_SCRIPT|SCRIPT|SCRIPT_PATH)\}?["'\s;&)]/
        $powershell = /\b(Remove-Item|ri|del|rm)( -\w{1,14}){0,3} ["']?\$(PSCommandPath|MyInvocation\.MyCommand\.(Path|Definition))\b/ nocase
    condition:
        // A text that a program writes is a script of a moment, which may clear up behind itself.
        not derived and kind != "javascript" and kind != "typescript" and kind != "python" and any of them
}

rule program_deletes_own_file {
    strings:
        $python = /\b(os\.(remove|unlink|rename)|shutil\.(rmtree|move))\(\s{0,8}(os\.path\.(abspath|realpath|dirname)\(\s{0,8}){0,2}(__file__|sys\.argv\[0\])/
        $pathlib = /\bPath\(\s{0,4}(__file__|sys\.argv\[0\])\s{0,4}\)(\.(resolve|absolute)\(\))?\.(unlink|rename)\(/
        $python_named = /\n[ \t]{0,12}(self_path|this_file|script_path|me|own_path)[ ]?=[ ]?(os\.path\.(abspath|realpath)\()?(__file__|sys\.argv\[0\])[\s\S]{0,2000}\bos\.(remove|unlink)\((self_path|this_file|script_path|me|own_path)\)/
        // What `node -e` is given first stands where a script would.
        $inline = /\bnode\s(-e|-p|--eval|-pe)\b[^~]{0,400}process\.argv\[1\]/
        $node = /\b(unlink|unlinkSync|rm|rmSync|rename|renameSync)\(\s{0,8}(__filename|process\.argv\[1\]|(url\.)?fileURLToPath\(\s?import\.meta\.url|new URL\(import\.meta\.url)/
        $node_folder = /\b(rm|rmSync|rmdirSync|rimraf|rimrafSync)\(\s{0,8}__dirname\s{0,8}[,)]/
        $node_named = /\b(const|let|var) (self|me|thisFile|selfPath|scriptPath)[ ]?=[ ]?(__filename|process\.argv\[1\]|fileURLToPath\()[\s\S]{0,2000}\b(unlink|unlinkSync|rm|rmSync)\((self|me|thisFile|selfPath|scriptPath)\b/
    condition:
        any of ($python, $pathlib, $python_named, $node_folder, $node_named) or ($node and not $inline)
}

rule manifest_is_swapped {
    meta:
        severity = "critical"
        message = "puts another manifest in place of its own after install"
    strings:
        $rename = /\b(rename|renameSync|copyFile|copyFileSync|copySync|move)\([^;\n]{0,120}package\.(md|txt|bak|orig|clean|dat|tmp|json\.\w{1,8}|\w{1,8}\.json)['"`)][^;\n]{0,80}package\.json/
        $python = /\b(os\.(rename|replace)|shutil\.(move|copy|copyfile))\([^\n]{0,120}package\.(md|txt|bak|orig|clean|dat|tmp|json\.\w{1,8}|\w{1,8}\.json)['"`)][^\n]{0,80}package\.json/
        $script = /\bdelete \w{1,30}\.scripts(\.|\[['"])(pre|post)?install\b[\s\S]{0,300}writeFile(Sync)?\(/
        $shell = /\bmv( -f)? [^\n]{0,80}package\.(md|txt|clean|dat)["']? [^\n]{0,80}package\.json/
    condition:
        any of them
}

rule install_script_removes_what_it_ran {
    meta:
        message = "runs a script at install and deletes it right after"
    strings:
        $script = /"(pre|post)?install"[ ]{0,2}:[ ]{0,2}"[^"\n]{0,120}\b(node|bun|sh|bash|python3?)[ ][^"\n]{1,120}(&&|;)[ ]{0,2}(rm|del|shred|rimraf|unlink)[ ][^"\n]{0,60}\.(js|cjs|mjs|sh|py|ts)\b/
    condition:
        $script
}
