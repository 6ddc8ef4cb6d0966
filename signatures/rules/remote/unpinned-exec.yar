// A tool server that is started in whichever version is newest.
rule tool_server_without_version {
    strings:
        $node = /"command"\s{0,4}:\s{0,4}"(npx|bunx|pnpx)"\s{0,4},\s{0,40}"args"\s{0,4}:\s{0,4}\[\s{0,60}("-[a-z-]{1,12}"\s{0,4},\s{0,60}){0,3}"(@[a-z0-9_.-]{1,60}\/)?[a-z0-9][a-z0-9_.-]{0,80}(@(latest|next|beta|canary))?"/
        $python = /"command"\s{0,4}:\s{0,4}"uvx"\s{0,4},\s{0,40}"args"\s{0,4}:\s{0,4}\[\s{0,60}"[a-z0-9][a-z0-9_.-]{0,80}(@latest)?"/
    condition:
        any of them
}
