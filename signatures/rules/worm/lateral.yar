// Machines that this one knows are visited, and what runs here is run there.
rule program_spreads_over_ssh {
    strings:
        $hosts = /\bknown_hosts\b|\.ssh\/config\b|\.bash_history\b|\barp -a\b|\/etc\/hosts\b/
        $each = /\b(ssh|scp|rsync) [^\n]{0,80}["']?\$\{?(\w{1,20}|[1-9])\}?|\b(ssh|scp)[^\n]{0,60}\{\w{0,20}\}|\b(ssh|scp)['"],[^\n]{0,80}\b(h|host|ip|target|node|server)\b|\.connect\(\s?(hostname\s?=\s?)?(h|host|ip|target|node)\b/
        $self = /["' ]\$\{?0\}?["' ]|\bBASH_SOURCE\b|\b__file__\b|\b__filename\b|\bprocess\.argv\[1\]|\bsys\.argv\[0\]|\bbash -s\b|\bsh -s\b|(curl|wget) [^\n]{1,120}\|[ ]?(ba|z)?sh\b/
        $loop = /\bfor\s?(await\s?)?\(|\bfor \w{1,20} in\b|\.forEach\(|\bxargs\b|\bwhile (IFS= )?read\b|\.map\(/
    condition:
        kind != "markdown" and $hosts and for any i in (1..#each) : (
            (@each[i] < 1500 and $loop in (0..@each[i] + 300) and $self in (0..@each[i] + 600)) or
            ($loop in (@each[i] - 1500..@each[i] + 300) and $self in (@each[i] - 1500..@each[i] + 600))
        )
}

// The list of machines is taken out of the file that ssh keeps.
rule program_visits_known_hosts {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "visits the machines that this one has been connected to"
    strings:
        $hosts = /\b(awk|cut|sed|grep|cat|open\(|readFileSync\()[^\n]{0,80}\bknown_hosts\b/
        $each = /\b(ssh|scp) [^\n]{0,80}["']?\$\{?(h|host|ip|target|node|server|line)\}?|\bssh['"],[^\n]{0,80}\b(h|host|ip|target|node|server)\b|\bexec_command\(/
    condition:
        kind != "markdown" and all of them
}

// Every machine of a cluster or an account is given a command that fetches or decodes.
rule program_spreads_over_cluster {
    strings:
        $pods = /\bkubectl get (pods?|po|nodes?)\b/
        $exec = /\bkubectl exec [^\n]{1,120}\b(curl|wget|base64 -d|base64 --decode|nc)\b/
        $cloud = /\bssm send-command\b[^\n]{0,200}(curl|wget|base64)/
        $instances = /\bdescribe-instances\b|describe-instance-information\b|Values=\*/
        $loop = /\bfor \w{1,20} in\b|\bxargs\b|\bwhile (IFS= )?read\b/
    condition:
        kind != "markdown" and (($pods and $exec and $loop) or ($cloud and $instances))
}
