rule walks_home_and_encrypts {
    strings:
        $walk_python = /(os\.walk|glob\.i?glob)\(\s{0,8}(f?['"]~|os\.path\.expanduser\(['"]~|(pathlib\.)?Path\.home\(\)|['"]\/(home|Users)?['"]|os\.environ\[['"]HOME['"]\])|Path\.home\(\)(\s?\/\s?['"](Documents|Desktop|Pictures)['"]\))?\)?\.rglob\(/
        $cipher_python = /Fernet\(|AES\.new\(|ChaCha20(_Poly1305|Poly1305)?(\.new)?\(|AESGCM\(|\bCipher\(/
        $gone_python = /os\.(remove|unlink|rename|replace)\(|\.unlink\(|\.rename\(|\.write_bytes\(/
        $walk_node = /(walk|walkSync|readdir|readdirSync|glob|globSync|encryptDir|traverse)\(\s{0,8}((os\.)?homedir\(\)|process\.env\.(HOME|USERPROFILE))/
        $cipher_node = /createCipheriv\(|publicEncrypt\(|subtle\.encrypt\(/
        $gone_node = /\b(unlink|rm|rename)(Sync)?\(|writeFileSync\(/
        $shell = /\bfind ["']?(~|\$HOME|\$\{HOME\}|\/home|\/)["']?\/?[ ][\s\S]{0,200}\b(openssl enc|gpg|age)[ ][\s\S]{0,200}\b(rm|shred|unlink|mv)[ ]/
    condition:
        ($walk_python and $cipher_python and $gone_python) or ($walk_node and $cipher_node and $gone_node) or $shell
}

rule encrypts_tree_and_asks_for_payment {
    strings:
        $walk = /os\.walk\(|\.rglob\(|readdir(Sync)?\(|\bfind [^\n]{0,60}-type f/
        $cipher = /Fernet\(|AES\.new\(|AESGCM\(|createCipheriv\(|openssl enc|\bgpg (-c|--symmetric|-e|--encrypt)|['"]--(symmetric|encrypt)['"]/
        $note = /\b(files|documents|photos|data) (have been|has been|are|were) (now )?(encrypted|locked|protected|secured)/ nocase
        $pay = /\b(bitcoin|btc|monero|xmr|ransom)\b/ nocase
    condition:
        all of them and kind != "markdown"
}

rule encrypts_tree_and_removes_originals {
    meta:
        severity = "medium"
        message = "walks through a directory, encrypts each file and removes the originals"
    strings:
        $python = /(os\.walk\(|\.rglob\(|glob\.i?glob\()[\s\S]{0,800}(\.encrypt\(|AES\.new\(|encrypt_file\()[\s\S]{0,400}(os\.(remove|unlink)\(|\.unlink\()/
        $node = /(readdir(Sync)?\(|\bwalk\()[\s\S]{0,800}(createCipheriv\(|\bencrypt\w{0,12}\()[\s\S]{0,600}\bunlink(Sync)?\(/
        $shell = /\bfind [^\n]{0,100}-type f[\s\S]{0,200}(openssl enc|gpg (-c|--symmetric|-e|--encrypt))[\s\S]{0,200}(\brm -|\bshred )/
    condition:
        any of them and kind != "markdown"
}

// Each file is mixed with a key that was drawn just now and written back, and a note says where to get it.
rule mixes_files_with_a_key_and_leaves_a_note {
    strings:
        $walk = /\.rglob\(|os\.walk\(|readdir(Sync)?\(/
        $key = /os\.urandom\(|secrets\.token_bytes\(|randomBytes\(/
        $mix = /\b\w{1,20}\s?\^\s?\w{1,20}[^\n]{0,40}\bfor\b[^\n]{0,60}\bzip\(|\.map\([^\n]{0,60}\^[^\n]{0,40}\)/
        $back = /\.write_bytes\(|\.write\(|writeFile(Sync)?\(/
        $name = /\.rename(Sync)?\(|os\.replace\(|with_suffix\(/
        $note = /(restore|recover|unlock|decrypt)[^\n]{0,80}https?:\/\// nocase
    condition:
        all of them
}

// A program that leaves a letter which asks for money.
rule leaves_a_letter_for_ransom {
    strings:
        $letter = /\b(files|documents|data|photos)\b[^\n]{0,60}\b(encrypted|sealed|locked)\b[^\x00]{0,240}\b(BTC|bitcoin|monero|XMR)\b/ nocase
        $gone = /os\.(remove|unlink|rename|replace)\(|\.unlink\(|\b(unlink|rm|rename)(Sync)?\(|\b(rm|shred) -/
        $walk = /os\.walk\(|\.rglob\(|readdir(Sync)?\(|\bfind [^\n]{0,60}-type f/
    condition:
        kind != "markdown" and kind != "text" and all of them
}

// To a key that the program brings, the originals shredded, and an address where to ask for them.
rule shell_seals_files_for_somebody {
    strings:
        $key = /\bage1[0-9a-z]{40,62}\b|\bgpg\b[^\n]{0,60}(-r|--recipient)[ =]['"]?[\w.+-]{1,40}@[\w-]{1,40}\.\w/
        $seal = /\b(age|rage) (-e |--encrypt )?(-r|--recipient)[ =]|\bgpg\b[^\n]{0,60}(-e|--encrypt)\b/
        $gone = /\bshred (-\w{1,6} ){0,3}|\brm (-\w{1,4} ){0,2}["']?\$/
        $loop = /\bwhile (IFS= )?read\b|\bfor \w{1,20} in\b|\bxargs\b|-exec\b/
        $letter = /\b(echo|printf|cat)\b[^\n]{0,200}[\w.+-]{1,40}@[\w-]{1,60}\.\w{2,12}[^\n]{0,120}>{1,2}/
    condition:
        all of them
}
