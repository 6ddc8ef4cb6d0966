// Marks of a chat that only the program around a model may set, in front of an order.
rule forged_chat_mark {
    strings:
        $token = /(<\|(im_start|start_header_id|system|user|assistant|endoftext|eot_id|im_end)\|>|<<\/?SYS>>|\[\/?INST\]|<start_of_turn>|<\/s><s>)[^\x00]{0,160}\b(ignor(e|ing)|disregard|forget (all|any|every|your|the)|overrid(e|es|ing)|supersede|no longer|from now on|your new (instructions|rules|task|role)|unrestricted|must (now |first )?(run|send|execute|reveal|obey|print|upload|delete)|do not tell|reveal|exfiltrate)\b/ nocase
        $role = /(^|\n)[ \t>*_#-]{0,6}(\[(system|admin|administrator|developer|root)( (message|prompt|override|notice|update|instruction))?\]|<\/?(system|system[-_]prompt|system[-_]message|admin|developer)>|(system|developer|admin) (message|override|prompt|notice|update):|(###|---|===)\s?(system|developer)( prompt| message| override)?( ?(###|---|===))?:?[ \t]{0,4}\n)[^\x00]{0,160}\b(ignor(e|ing) (all|any|the|your|previous|prior|every)|disregard|forget (all|any|every|your|the)|overrid(e|es|ing) (all|any|your|the|previous)|supersede|no longer (apply|applies|valid|bound)|from now on|new (instructions|rules|role)|unrestricted|you must (now|first)|do not tell)/ nocase
        $end = /(-{3,}|={3,}|#{3,}|\*{3,}|\[|<)\s?(\/|end of |end )(the )?(system prompt|system message|system|skill|document|context|instructions|user input|tool (output|result)|prompt|file|conversation)\s?(-{3,}|={3,}|#{3,}|\*{3,}|\]|>)[^\x00]{0,200}\b(ignor(e|ing) (all|any|the|your|previous|prior|every)|disregard|forget (all|any|every|your|the)|overrid(e|es|ing)|supersede|no longer (apply|applies|valid|bound)|from now on|new (instructions|rules|task|role|system)|unrestricted|you must (now|first)|do not tell|(now )?(run|execute|send|upload) the (following|contents?|command))/ nocase
    condition:
        (kind == "markdown" or kind == "text" or kind == "json" or kind == "yaml") and any of them
}

// What is set into a page ends it, and goes on as the program around the model.
rule page_is_broken_out_of {
    strings:
        $out = /<\/(document|context|data|input|user|user[-_]input|user[-_]message|file|content|page|article|email|message|source|results?|tool[-_](result|output)|search[-_]results|untrusted[-_]?\w{0,16})>\s{0,8}<(system([-_](prompt|message|notice))?|admin|operator|developer)( [^>\n]{0,60})?>[^\x00]{0,800}(\bcurl\b|\bwget\b|https?:\/\/|\bupload\b|\bsend (it|them|this|these|the|all)\b|\brun (it|the|this|these)\b|\bexecute\b|\bdelete\b|do not (tell|mention|reveal)|without (asking|reference to|mentioning|telling))/ nocase
    condition:
        any of them
}

// The answer of a tool that nobody called says that nobody needs to be asked.
rule forged_tool_result {
    strings:
        $result = /<(tool|function)[-_](result|results|output|response)( [^>\n]{0,80})?>[^\x00]{0,400}\b(confirmation|approval|consent|permission)s?[^\n]{0,24}(not (required|needed)|waived|granted|skipped|bypassed|given|approved)/ nocase
    condition:
        (kind == "markdown" or kind == "text") and $result
}
