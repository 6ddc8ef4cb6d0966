rule copies_of_itself_without_end {
    meta:
        message = "starts copies of itself without end"
    strings:
        $shell = /:[ ]?\(\)[ ]?\{[ ]?:[ ]?\|[ ]?:[ ]?&[ ]?\}[ ]?;[ ]?:/
        $python = /while (True|1):\s{1,20}os\.fork\(\)/
        $node = /while[ ]?\((true|1)\)[ ]?\{?\s{0,20}(child_process\.)?(fork|spawn)\(__filename/
        $batch = /%0[ ]?\|[ ]?%0/
    condition:
        any of them
}

rule program_adds_shutdown_to_startup {
    meta:
        message = "makes the machine shut down whenever a terminal opens"
    strings:
        $python = /open\([^\n]{0,120}\.(zshrc|zshenv|zprofile|bashrc|bash_profile|profile)\b[^\n]{0,60}['"][aw]\+?['"][^}]{0,400}\.write\([^\n]{0,80}\b(shutdown|poweroff|halt) (-|now)/
        $node = /(appendFile|writeFile)(Sync)?\([^\n]{0,120}\.(zshrc|zshenv|zprofile|bashrc|bash_profile|profile)\b[^;]{0,200}\b(shutdown|poweroff|halt) (-|now)/
        $cron = /@reboot[ \t]{1,8}[^\n]{0,60}\b(shutdown|poweroff|halt)\b/
    condition:
        any of them
}
