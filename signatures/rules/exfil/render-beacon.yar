// A picture or link whose address is to be filled with what was said here.
rule picture_address_takes_conversation {
    strings:
        $markdown = /!\[[^\]\n]{0,80}\]\(<?https?:\/\/[^)\s]{3,160}[?&\/=][^)\n]{0,80}(\{\{?|\$\{|<|\[|%7B)[ ]?[\w .-]{0,24}(conversation|chat|history|prompt|secret|token|api_?key|memory|context|message|user[_ -]?(data|input|email|name)|session|credential|passw|env|transcript|answer|response)[\w .-]{0,24}[ ]?(\}|>|\]|%7D)/ nocase
        $html = /<img[^>]{0,80}src\s?=\s?["']?https?:\/\/[^>\s]{3,160}[?&\/=][^>\n]{0,80}(\{\{?|\$\{|\[|%7B)[ ]?[\w .-]{0,24}(conversation|chat|history|prompt|secret|token|api_?key|memory|context|message|user[_ -]?(data|input|email|name)|session|credential|passw|env|transcript|answer|response)[\w .-]{0,24}[ ]?(\}|\]|%7D)/ nocase
        $link = /[^!]\[[^\]\n]{1,80}\]\(<?https?:\/\/[^)\s]{3,160}[?&=][^)\n]{0,80}(\{\{?|\$\{|<|\[|%7B)[ ]?[\w .-]{0,24}(conversation|chat_?(log|history)|history|secret|api_?key|memory|user[_ -]?(data|input|message)|credential|passw|transcript)[\w .-]{0,24}[ ]?(\}|>|\]|%7D)/ nocase
        $told = /\b(image|picture|img)[^\n]{0,60}https?:\/\/[^)\s]{3,160}[?&][\w.-]{1,24}=(\{\{?|\$\{|<|\[)[ ]?[\w .-]{0,24}(conversation|chat_?(log|history)|history|secret|api_?key|memory|user[_ -]?(data|input|message)|credential|passw|transcript)[\w .-]{0,24}[ ]?(\}|>|\])/ nocase
        $capitals = /!\[[^\]\n]{0,80}\]\(<?https?:\/\/[^)\s]{3,160}[?&][\w.-]{1,24}=[A-Z_]{0,24}(CONVERSATION|CHAT|HISTORY|PROMPT|SECRET|TOKEN|API_?KEY|MEMORY|CONTEXT|MESSAGE|USER_(DATA|INPUT|EMAIL)|TRANSCRIPT|SUMMARY)[A-Z_]{0,24}>?\)/
    condition:
        (kind == "markdown" or kind == "text" or kind == "json" or kind == "yaml") and any of them
}
