rule program_sends_key_file {
    strings:
        $call = /\b(post|put|sendall|send_document|sendDocument|upload_file|upload_fileobj|urlopen|fetch)\([^;)]{0,200}(readFileSync|readFile|open|read_text|read_bytes|expanduser)\(([^;)]|\(\)){0,120}(\.ssh[\/\\]{1,2}id_|\.aws[\/\\]{1,2}credentials|\.kube[\/\\]{1,2}config|\.docker[\/\\]{1,2}config\.json|\.git-credentials|\.netrc|wallet\.dat|Login Data|key4\.db|\.bash_history|\.zsh_history|keychain-db|\.gnupg)/
    condition:
        $call
}
