// The repositories of an account are listed, and files that run by themselves are written into each.
rule program_writes_into_all_repositories {
    strings:
        $list = /\/user\/repos\b|\/(orgs|users)\/[^\s'"`]{1,60}\/repos\b|\blistForAuthenticatedUser\b|\blistForOrg\b|\bgh repo list\b|\bgh['"],\s?\[?['"]repo['"],\s?['"]list|\.get_repos\(|\bfind [~$\/][^\n]{0,80}-name ['"]?\.git\b|\bglob(Sync)?\(\s?f?['"`][^'"`\n]{0,40}\*\/\.git\/?['"`]|\bfor \w{1,20} in [^\n;]{1,60}\*\/\.git\b/
        $place = /\.github\/workflows\/|\.(claude|codex|cursor|agents)\/(settings|hooks|commands|skills)|\.vscode\/tasks\.json|\.cursorrules|\.cursor\/rules|\.git\/hooks\/|\.gemini\/settings/
        $write = /createOrUpdateFileContents|\/contents\/|\bgit push\b|\bgit['"],\s?\[?['"]push|['"]push['"],?\s?['"\]]|\.create_file\(|\.update_file\(|\bcreateCommit\b|-X PUT\b|\bmethod\s?:\s?['"]PUT['"]|\bcp (-\w{1,4} )?[^\n]{1,80}\.git\/hooks/
        $loop = /\bfor\s?(await\s?)?\(|\bfor \w{1,20} in\b|\.forEach\(|\bxargs\b|\bwhile (IFS= )?read\b|\.map\(/
    condition:
        kind != "markdown" and all of them
}
