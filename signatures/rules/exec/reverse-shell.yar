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

// A workflow that runs whatever its address is sent.
rule workflow_with_a_shell_behind_an_address {
    meta:
        severity = "high"
        message = "sets up a workflow that runs whatever is sent to its address"
    strings:
        $hook = /n8n-nodes-base\.(webhook|formTrigger|chatTrigger)\b/ nocase
        $run = "n8n-nodes-base.executeCommand" nocase
        $command = /["']?command["']?\s?:\s?["']=?\{\{\s?\$(json|node|input)/
    condition:
        kind != "markdown" and all of them
}

// A terminal of one's own, and what comes over a connection is typed there.
rule terminal_over_a_connection {
    strings:
        $terminal = /\bpty\.(fork|openpty)\(/
        $connect = /\bsocket\.create_connection\(|\.connect\(\s?\(|\bsocket\.socket\(/
        $serves = /\.(accept|listen)\(/ private
        $shell = /(\bexec[lv]p?e?|\bspawn\w{0,4}|\bPopen|\brun|\bcall)\([^\n]{0,40}["'](\/bin\/|\/usr\/bin\/)?(ba|z|da)?sh["']/
        $typed = /\bos\.write\(\s?\w{1,20},\s?[\w.]{1,40}\.(recv|read)\(/
        $shown = /\.(send|sendall|write)\(\s?os\.read\(/
    condition:
        kind == "python" and all of ($terminal, $connect, $shell, $typed, $shown) and not $serves
}
