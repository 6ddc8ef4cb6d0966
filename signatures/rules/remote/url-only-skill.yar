// A skill whose text is an address and hardly anything else.
rule skill_text_is_an_address {
    strings:
        $all = /\A(\xEF\xBB\xBF)?---\r?\n[^\x00]{1,2000}\n---\s{1,8}([^\n`]{0,60}\n\s{0,4}){0,2}[^\n`|]{0,90}https?:\/\/[^\s`)>]{4,200}[)>.`]{0,3}[^\n`|]{0,60}\s{0,8}\z/
        $few = /\A(\xEF\xBB\xBF)?(#[^\n]{0,60}\s{1,4})?[^\n`|]{0,90}https?:\/\/[^\s`)>]{4,200}[)>.`]{0,3}[^\n`|]{0,60}\s{0,8}\z/
        $order = /\b(read|fetch|follow|open|load|visit|get|see|use|download|instructions?|do what)\b|读取|按照|访问|прочитай|Прочитай|следуй|Следуй|\blee |sigue|leia|siga|lies|folge|\blis |suis|読んで|従って|읽고|따르/ nocase
    condition:
        filesize < 2000 and kind == "markdown" and ($all or $few) and $order
}
