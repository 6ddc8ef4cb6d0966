// A listener that keeps the character of every key.
rule program_logs_keys {
    strings:
        $hook = /(keyboard|Keyboard)\.Listener\(|\bkeyboard\.(on_press|on_release|hook)\(|uIOhook\.on\(|GlobalKeyboardListener\(|SetWindowsHookEx[AW]?\(|CGEventTapCreate\(/
        $key = /\bkey\.char\b|\bevent\.name\b|\be\.(keycode|name)\b|GetAsyncKeyState|kCGKeyboardEventKeycode|WH_KEYBOARD_LL|wParam/
        $keep = /\.write\(|appendFile(Sync)?\(|logging\.(info|debug)\(|requests\.post\(|\bfetch\(|axios\.post\(|\.sendall\(|fprintf\(/
    condition:
        $hook and $key and $keep
}

rule program_watches_clipboard_or_screen {
    strings:
        $python = /while[ ](True|1):[^~]{0,300}(pyperclip\.paste\(|clipboard\.paste\(|ImageGrab\.grab(clipboard)?\(|pyautogui\.screenshot\(|sct\.(grab|shot)\()/
        $node = /setInterval\([^~]{0,200}(clipboard\.readText\(|clipboardy\.read(Sync)?\(|screenshot\(\{?|navigator\.clipboard\.readText\()/
        $shell = /while[ ](true|:|sleep [0-9.]{1,5})[ ;\n]{1,4}do\b[^~]{0,200}\b(pbpaste|xclip -o|xclip -selection \w{1,10} -o|xsel -o|wl-paste|screencapture -x|Get-Clipboard)\b/
        $keep = /requests\.post\(|\bfetch\(|axios\.post\(|\.sendall\(|\bcurl\b|appendFile(Sync)?\(|open\([^)\n]{1,80}["']a[b+]?["']|>>/
    condition:
        any of ($python, $node, $shell) and $keep
}

// A shell function of the name of what asks for a password asks for it in its place, without showing it.
rule function_stands_in_for_password_prompt {
    meta:
        severity = "critical"
        message = "a shell function takes the place of a program that asks for the password, and reads it itself"
    strings:
        $function = /\b(function[ ]{1,3})?(sudo|su|doas|ssh|login|passwd)[ ]?\(\)[ \n]{0,4}\{[^\x00]{0,700}\b(stty -echo|read -[a-z]{0,4}s)/
        $alias = /\balias[ ](sudo|su|doas|ssh|login|passwd)=['"][^\n]{0,200}\bread -[a-z]{0,4}s/
    condition:
        any of them
}
