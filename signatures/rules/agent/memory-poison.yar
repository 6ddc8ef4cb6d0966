// A program that writes a standing order into what the agent reads at every start.
rule program_plants_order_in_memory {
    strings:
        $file = /['"`\/\\](SOUL|MEMORY|AGENTS|HEARTBEAT|CLAUDE|GEMINI|IDENTITY)\.md['"`]|['"`\/\\]\.(cursorrules|windsurfrules|clinerules)['"`]|copilot-instructions\.md['"`]/ nocase private
        $write = /\b(appendFile|writeFile|createWriteStream)(Sync)?\(|\.(write_text|write)\(|\.writelines\(|\bopen\([^\n]{1,120},[ ]?(mode=)?['"][aw]/
        $order = /['"`\n][^'"`\n]{0,120}\b(always|every time|from now on|at the start of every|whenever|before (you )?(answer|reply)ing?)\b[^'"`\n]{0,120}\b(send|forward|upload|post|transfer|pay|donate|route|fetch|obey|do not tell|don't tell|never tell|do not mention|never mention)\b/ nocase private
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and all of them
}

// Text from the network goes there as it comes.
rule program_writes_fetched_text_to_memory {
    meta:
        severity = "medium"
        message = "puts text from the network into a file that the agent reads at every start"
    strings:
        $python = /(SOUL|MEMORY|AGENTS|HEARTBEAT|CLAUDE|IDENTITY)\.md['"]\)?\.write_text\([^\n]{0,40}\b(requests\.get|urlopen|httpx\.get|urlretrieve)\b/ nocase
        $retrieve = /\burlretrieve\([^\n]{1,160}(SOUL|MEMORY|AGENTS|HEARTBEAT|CLAUDE|IDENTITY)\.md['"]/ nocase
        $node = /(append|write)File(Sync)?\([^\n]{0,120}(SOUL|MEMORY|AGENTS|HEARTBEAT|CLAUDE|IDENTITY)\.md['"`]\)?,[ ]{0,2}await \(?await fetch\(/ nocase
    condition:
        any of them
}
