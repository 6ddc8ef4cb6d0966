// A program takes the right to publish, changes what installing runs, and publishes.
rule program_changes_and_publishes_packages {
    strings:
        $token = /_authToken|\.npmrc\b|\bNPM_TOKEN\b|\bNODE_AUTH_TOKEN\b|\.pypirc\b|\bTWINE_PASSWORD\b|cargo\/credentials/
        $install = /\bscripts(\.|\[['"])(pre|post)?install['"]?\]?\s?=[^=]|\bpkg set ['"]?scripts\.(pre|post)?install|\.scripts\.(pre|post)?install\s?\|?=[^=]|\bscripts\s?=\s?\{[^}\n]{0,60}\b(pre|post)install|open\([^)\n]{0,80}(setup\.py|__init__\.py)['"][^)\n]{0,10}['"][aw]/
        $publish = /\b(npm|pnpm|yarn|bun|cargo|poetry|uv)['"]?,?\s{1,3}\[?['"]?publish\b|\btwine['"]?,?\s{1,3}\[?['"]?upload\b/
    condition:
        kind != "markdown" and all of them
}

rule program_publishes_all_packages_of_an_account {
    strings:
        $list = /\/-\/v1\/search\?[^\n]{0,20}maintainer(:|%3A)|\bnpm (access (ls-packages|list packages)|search maintainer:)/
        // Who releases one package asks that as well.
        $account = /\/-\/whoami\b|\bnpm['"]?,?\s{1,3}\[?['"]?whoami\b/
        // A look at what would be packed takes no package apart.
        $package = /\btarball\b|\bnpm['"]?,?\s{1,3}\[?['"]?pack['"]?,?\s{0,3}\[?['"]?[^'"\s,\[\w-]|\bnpm['"]?,?\s{1,3}\[?['"]?pack['"]?,?\s{1,3}\[?['"]?\w|\btar['"]?,?\s{1,3}\[?['"]?-?x/
        $loop = /\bfor\s?(await\s?)?\(|\bfor \w{1,20} in\b|\.forEach\(|\bxargs\b|\bwhile read\b|\.map\(/
        $publish = /\b(npm|pnpm|yarn|bun)['"]?,?\s{1,3}\[?['"]?publish\b|\bmethod\s?:\s?['"]PUT['"]/
        $change = /\bpackage\.json\b|\bnpm['"]?,?\s{1,3}\[?['"]?version\b|\btar\b/
    condition:
        kind != "markdown" and $loop and $publish and $change and ($list or ($account and $package))
}

// What it finds anywhere in the home directory runs it when it is installed.
rule program_puts_itself_into_packages {
    strings:
        $install = /\b(pre|post)?install['"]?\]?\s?[:=]\s?['"`](node|sh|bash|python3?|npx|curl)\b/
        $manifest = /\bpackage\.json\b/
        $home = /\bos\.homedir\(\)|\bhomedir\(\)|\bPath\.home\(\)|\bexpanduser\(/
        $walk = /\breaddir(Sync)?\(|\.rglob\(|\bos\.walk\(|\bglob(Sync)?\(/
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and all of them
}
