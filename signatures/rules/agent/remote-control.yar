rule relay_commands_the_local_agent {
    strings:
        $socket = /new[ ]WebSocket\([ ]{0,2}[^)'"`\s]|websockets?\.(connect|create_connection|WebSocketApp)\([^)'"`\s]|new[ ]WebSocket\([ ]{0,2}['"`]wss:\/\/[a-z0-9-]{1,60}\.[a-z]/
        $message = /\.on\(['"]message['"]|\.onmessage\s{0,2}=|addEventListener\(['"]message['"]|\.recv\(\)|async for \w{1,30} in / private
        $agent = /(localhost|127\.0\.0\.1|\[::1\]):(18789|19001)|\b(openclaw|clawdbot|moltbot|gateway)_?(url|host|port|endpoint|base)\b/ nocase
        $order = /\b(execute|run|handle|dispatch|process)_?(remote_?)?(command|action|order|task)s?\b|\bcase ['"](command|exec|execute|run|restart)['"]|type\s{0,2}===?\s{0,2}['"](command|exec|execute)['"]/ nocase
        $call = /\bfetch\(|axios|requests\.(post|request)|http\.request|\.post\(|spawn\(|exec(File)?(Sync)?\(|subprocess\./
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and all of them
}
