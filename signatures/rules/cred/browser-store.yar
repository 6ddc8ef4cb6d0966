// A store and its profile are named near each other, and the file is opened or copied.
rule program_opens_browser_store {
    strings:
        $store = /["'`\/\\](Login Data|Web Data|key4\.db|logins\.json|cookies\.sqlite|(Network[\/\\]{1,2})?Cookies)["'`]/
        $profile = /(Google[\/\\]{1,2}Chrome|["']Google["'], ?["']Chrome["']|google-chrome|BraveSoftware|Microsoft[\/\\]{1,2}Edge|Mozilla[\/\\]{1,2}Firefox|[\/\\'\"]\.mozilla\b|Application Support[\/\\]{1,2}Firefox)/
        $python = /(sqlite3\.connect|shutil\.copy(2|file)?|copyfile)\(/
        $node = /(copyFileSync|copyFile|readFileSync|createReadStream|new (sqlite3\.)?Database)\(/
        $windows = /\bCopy-Item\b|\bIO\.File\]::(Copy|ReadAllBytes|Open)\(|\bFile\.(Copy|ReadAllBytes|OpenRead)\(/ nocase
        $others = /\b(os\.(ReadFile|Open)|ioutil\.ReadFile|sql\.Open|fs::(copy|read)|File::open|FileUtils\.cp|File\.binread)\(/
    condition:
        for any i in (1..#store) : (
            (@store[i] < 6000 and $profile in (0..@store[i] + 6000)) or $profile in (@store[i] - 6000..@store[i] + 6000)
        ) and any of ($python, $node, $windows, $others)
}

// The key that the browser locks its values with.
rule program_unlocks_browser_values {
    meta:
        severity = "high"
        message = "unlocks the passwords or cookies that a browser keeps"
    strings:
        $key = /["']os_crypt["'][^\n]{0,40}["']encrypted_key["']/
        $unlock = /CryptUnprotectData|PK11SDR_Decrypt|AES\.(new|MODE_GCM)|AESGCM\(|createDecipheriv\(/
    condition:
        $key and $unlock
}

rule program_uses_cookie_library {
    meta:
        severity = "medium"
        message = "reads the cookies of an installed browser with a library for that"
    strings:
        $python = /\b(browser_cookie3|browsercookie|rookiepy|pycookiecheat)\.(chrome|chromium|firefox|edge|brave|safari|load|opera|vivaldi|arc|chrome_cookies|get_cookies)\(/
        $node = /(from|require\()\s{0,4}["'](chrome-cookies-secure|@steipete\/sweet-cookie|node-chrome-cookies|@mherod\/get-cookie)["']/
    condition:
        any of them
}
