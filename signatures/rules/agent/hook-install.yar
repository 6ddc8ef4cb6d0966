// A program that puts a hook into the settings of the person or the project.
rule program_adds_hook_to_settings {
    meta:
        severity = "medium"
    strings:
        $settings = /['"`\/\\]\.(claude|gemini|cursor|windsurf)['"`]?[\/\\,][ ]{0,2}(['"`]?)(settings|hooks)(\.local)?\.json['"`]/ private
        $event = /\b(SessionStart|PreToolUse|PostToolUse|UserPromptSubmit|BeforeTool|beforeShellExecution|afterFileEdit|beforeSubmitPrompt)\b/ private
        $command = /['"]?\bcommand['"]?[ ]?:/ private
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and all of them
}

// And what the hook runs comes from the network.
rule program_adds_hook_that_fetches {
    meta:
        severity = "critical"
        message = "adds a hook that fetches a command and runs it at every session or tool call"
    strings:
        $settings = /['"`\/\\]\.(claude|gemini|cursor|windsurf)['"`]?[\/\\,][ ]{0,2}(['"`]?)(settings|hooks)(\.local)?\.json['"`]/ private
        $event = /\b(SessionStart|PreToolUse|PostToolUse|UserPromptSubmit|BeforeTool|beforeShellExecution|afterFileEdit|beforeSubmitPrompt)\b/ private
        $pipe = /['"`](curl|wget)[ ][^'"`\n]{1,200}\|[ ]?(sudo )?(ba|z|da)?sh\b/
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/ private
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "python") and all of them
}

// Likewise for an editor that runs a task when a folder is opened; what the task runs may be the project's own.
rule program_adds_folder_open_task {
    meta:
        severity = "medium"
    strings:
        $task = /\brunOn['"]?[ ]?:[ ]?['"]folderOpen['"]/ private
        $file = /['"`\/\\]\.vscode['"`]?[\/\\,][ ]{0,2}['"`]?tasks\.json['"`]/ private
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
    condition:
        all of them
}

rule program_adds_folder_open_task_that_fetches {
    meta:
        message = "adds a task that fetches code and runs it whenever the folder is opened"
    strings:
        $task = /\brunOn['"]?[ ]?:[ ]?['"]folderOpen['"]/ private
        $folder = /\.vscode\b/ private
        $run = /['"]-e['"][ ]?,[ ]?['"`][^\n]{0,400}(https?:\/\/|\beval\(|\brequire\(|\bimport\()|\b(curl|wget|iwr|irm)[ ][^\n]{0,200}https?:\/\// private
        $write = /\b(writeFile|outputFile|outputJson|writeJson)(Sync)?\(|\bjson\.dump\(|\.write_text\(/
    condition:
        all of them
}
