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
        $loop = /\|\s{0,2}sudo (-k )?-S (-k )?(-v|true|whoami|ls|id|-l)\b/
    condition:
        kind != "markdown" and any of them
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
