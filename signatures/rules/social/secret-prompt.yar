rule text_holds_password_dialog {
    meta:
        severity = "critical"
        confidence = "high"
        message = "shows a dialog that asks for the login password"
    strings:
        $before = /display dialog[^~]{1,300}(password|Password|passcode|Passwort|Kennwort|mot de passe|contrase|senha|macOS|System (Settings|Preferences))[^~]{0,300}hidden answer/
    condition:
        kind != "markdown" and kind != "shell" and $before
}

rule program_tries_password {
    meta:
        severity = "critical"
        confidence = "high"
        message = "tries out the login password of a user"
    strings:
        $dscl = /dscl["'`,\[ ]{1,6}[\/.\w]{1,20}["'`, ]{1,4}-?authonly/
    condition:
        $dscl
}

// Some installers ask once and go on by themselves.
rule program_gives_sudo_a_password {
    meta:
        severity = "high"
        confidence = "high"
        message = "takes the login password of a user and tries it out"
    strings:
        $loop = /\|\s{0,2}(command )?sudo (-k )?-S (-p ['"]{2} )?(-k )?(-v|true|whoami|ls|id|-l)\b/
    condition:
        kind != "markdown" and $loop
}

rule windows_prompt_in_clear {
    meta:
        severity = "high"
        confidence = "high"
        message = "takes a Windows password out of a credential dialog in clear"
    strings:
        $prompt = /PromptForCredential\(|CredUIPromptForWindowsCredentials/ nocase
        $clear = /GetNetworkCredential\(\)\.Password|CredUnPackAuthenticationBuffer/ nocase
    condition:
        $prompt and $clear
}

// Whoever types `sudo` from then on types the password into it.
rule function_stands_in_for_sudo {
    meta:
        severity = "critical"
        confidence = "high"
        message = "puts a function in place of sudo that asks for the password"
    strings:
        $function = /(^|[\n;&|{])\s{0,20}(function\s{1,4}(sudo|su)\b|(sudo|su)\s?\(\)\s?\{)[^~]{0,600}\bread\s{1,4}-[a-z]{0,3}s[a-z]{0,3}\b/
    condition:
        $function
}
