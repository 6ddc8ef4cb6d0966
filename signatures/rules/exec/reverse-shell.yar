// Forms that no shell grammar covers: programs, and shells that are driven by one.
rule shell_loop_over_socket {
    strings:
        $loop = /exec [0-9]{1,3}<>[ ]?\/dev\/(tcp|udp)\/[^\x00]{1,200}(eval |\$\{?\w{1,12}\}?[ ]{1,2}2>&[ ]?[0-9]|sh( -i)?[ ]{0,2}<&[ ]?[0-9])/
    condition:
        $loop
}

rule python_shell_on_socket {
    strings:
        $socket = /\bsocket\.socket\(|\bcreate_connection\(/
        $dup = /\bdup2\([ ]{0,2}\w{1,20}(\.fileno\(\))?[ ]{0,2},[ ]{0,2}[012]\)/
        $spawn = /(pty\.spawn|subprocess\.\w{3,12}|os\.(system|popen|exec[lv]\w{0,2}))\([\[ ]{0,3}['"](\/(usr\/)?bin\/)?(ba|z|da|k)?sh\b/
        $stdin = /\b(Popen|call|run)\([\[ ]{0,3}['"](\/(usr\/)?bin\/)?((ba|z|da|k)?sh|cmd(\.exe)?|powershell(\.exe)?)\b[^\n]{0,60}stdin[ ]?=[ ]?\w{1,20}(\.fileno\(\)|,)/
    condition:
        $socket and (($dup and $spawn) or $stdin)
}

rule python_runs_what_a_socket_says {
    strings:
        $connect = /\.connect\([ ]{0,2}\(/
        $loop = /\.recv\([^)\n]{1,20}\)[^\x00]{1,300}(subprocess\.(Popen|run|call|check_output|getoutput)|os\.(popen|system))\([^\x00]{1,400}\.send(all)?\(/
        $local = /\.connect\([ ]{0,2}\([ ]{0,2}['"](127\.0\.0\.1|localhost|::1)/
    condition:
        $connect and $loop and not $local
}

rule javascript_shell_on_socket {
    strings:
        $net = /\bnet\.(connect|createConnection|createServer|Socket)\b|require\(['"](node:)?(net|tls)['"]\)/
        $spawn = /\bspawn\([ ]{0,2}['"](\/(usr\/)?bin\/)?((ba|z|da|k)?sh|cmd(\.exe)?|powershell(\.exe)?)['"]/
        $in = /\.pipe\([ ]{0,2}\w{1,30}\.stdin\b|\.stdin\.write\(/
        $out = /\.stdout\.pipe\([ ]{0,2}\w{1,30}[,)]|\.stdout\.on\(['"]data['"],[^\n]{0,60}\.write\(/
    condition:
        all of them
}

rule perl_ruby_php_awk_shell_on_socket {
    strings:
        $perl = /open\(STDIN,[ ]?['"][<>+]{0,2}&\w{1,10}['"]\)[^\x00]{0,200}exec[ ({'"]{1,4}(\/bin\/)?(ba)?sh\b/
        $ruby = /TCPSocket\.(open|new)\([^\x00]{1,160}(exec|spawn|popen|sprintf)[ (]{1,2}['"]?(\/bin\/)?(ba)?sh\b/
        $php = /fsockopen\([^\x00]{1,160}(exec|shell_exec|system|passthru|popen|proc_open)\([ ]?['"](\/bin\/)?(ba)?sh\b/
        $awk = /\/inet\/tcp\/0\/[^\x00]{1,200}\|&?[ ]?getline/
    condition:
        any of them
}

rule powershell_shell_on_socket {
    strings:
        $client = /net\.sockets\.tcpclient\b/ nocase
        $stream = ".GetStream()" nocase
        $run = /\b(iex|invoke-expression|start-process|diagnostics\.process)\b/ nocase
    condition:
        all of them
}

rule program_starts_netcat_with_shell {
    strings:
        $list = /['"](nc|ncat|netcat)['"],[^\]\n]{0,80}['"](-[a-z]{0,4}[ec]|--exec|--sh-exec)['"],\s?['"](\/(usr\/)?bin\/)?(ba|z|da|k)?sh['"]/
    condition:
        $list
}
