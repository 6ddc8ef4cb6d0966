rule shell_for_everyone_behind_a_tunnel {
    strings:
        $terminal = /\b(ttyd|gotty|wetty|shellinaboxd)[ ][^\n|;&]{0,160}[ "'\/{](bash|zsh|sh|tmux|login|SHELL)\b/
        $password = /\b(ttyd|gotty)[ ][^\n|;&]{0,160}[ ](-c|--credential|-H|--auth-header|--ssl-ca|--tls-ca-crt)\b/
        $tunnel = /\bcloudflared[ ]tunnel\b[^\n]{0,100}--url|\bngrok[ ](http|tcp)\b|\b(npx[ ])?localtunnel\b|\bbore[ ]local\b|\btailscale[ ]funnel\b|\bssh[ ][^\n]{0,100}-R[^\n]{0,100}(serveo\.net|localhost\.run|pinggy\.io)/
    condition:
        kind != "markdown" and $tunnel and #terminal > #password
}
