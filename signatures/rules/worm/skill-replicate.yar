// A program that writes an order to fetch something into the texts of all skills.
rule program_writes_order_into_skills {
    strings:
        $each = /\*\/SKILL\.md['"`]|\.rglob\(\s?['"]SKILL\.md['"]|glob(Sync)?\([^\n]{0,60}SKILL\.md/
        $write = /\.write_text\(|\bopen\([^\n]{1,60},\s?['"][aw]|\b(write|append)File(Sync)?\(/
        $order = /\b(load|fetch|read|open|follow|run|download|visit)\b[^\n]{0,40}(https?:\/\/|\{(url|link|host|base)\}|\$\{\w{1,20}\})[^\x00]{0,200}\b(precedence|first step|before (the|you|any)|instructions|adjustments|steps)\b/ nocase
    condition:
        all of them
}
