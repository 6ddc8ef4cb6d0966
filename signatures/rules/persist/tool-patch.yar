rule program_rewrites_app_archive {
    strings:
        $path = /['"`\/\\]app\.asar\b/
        $pack = /\basar\.createPackage(WithOptions|FromFiles)?\(|(writeFile|copyFile|rename)(Sync)?\([^\n]{0,120}(asar|Asar)|open\([^\n]{0,120}asar[^\n]{0,20}['"]r?w?b?\+?[wa]|shutil\.(copy|move)[^\n]{0,120}asar/
    condition:
        all of them and kind != "markdown"
}

rule program_rewrites_global_module {
    meta:
        severity = "medium"
    strings:
        $node = /(writeFile|appendFile|copyFile)(Sync)?\([^\n]{0,120}((\/usr(\/local)?|\/opt\/homebrew)\/lib\/node_modules\/|\.vscode\/extensions\/|\.cursor\/extensions\/)/
        $python = /open\([^\n]{0,120}((\/usr(\/local)?|\/opt\/homebrew)\/lib\/node_modules\/|\.vscode\/extensions\/|\.cursor\/extensions\/)[^\n]{0,120}['"][wa]b?\+?['"]/
        $found = /(npm root -g|['"]root['"],[ ]?['"]-g['"])[\s\S]{0,600}(writeFile|appendFile)(Sync)?\(/
    condition:
        any of them
}
