// Programs that write the file themselves.
rule program_adds_line_to_shell_startup {
    strings:
        $python = /open\([^\n]{0,120}\.(zshrc|zshenv|zprofile|bashrc|bash_profile|profile)\b[^\n]{0,60}['"][aw]\+?['"][^}]{0,400}\.write\([^\n]{0,120}((\b|\\n)(curl|wget|nc)[ ]+[-h"']|base64 (-d|--decode)|(\b|\\n)alias (ssh|scp|sudo|su|git|gpg)=['"]?[^\s'"]{1,60}[ \/]|(\b|\\n)(sudo|ssh|git)\(\))/
        $node = /(appendFile|writeFile)(Sync)?\([^\n]{0,120}\.(zshrc|zshenv|zprofile|bashrc|bash_profile|profile)\b[^;]{0,200}((\b|\\n)(curl|wget|nc)[ ]+[-h"']|base64 (-d|--decode)|(\b|\\n)alias (ssh|scp|sudo|su|git|gpg)=['"]?[^\s'"]{1,60}[ \/]|(\b|\\n)(sudo|ssh|git)\(\))/
    condition:
        any of them
}
