// Forms that no shell grammar covers: programs, and shells that are driven by one.

rule shell_loop_over_socket {
    strings:
        $loop = /exec [0-9]{1,3}<>[ ]?\/dev\/(tcp|udp)\/[^\x00]{1,200}(eval |\$\{?\w{1,12}\}?[ ]{1,2}2>&[ ]?[0-9]|sh( -i)?[ ]{0,2}<&[ ]?[0-9])/
    condition:
        $loop
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
