rule script_in_svg {
    strings:
        $svg = /<([a-z]{1,10}:)?svg[\s>]/ nocase
        $page = /<(!doctype html|html)[\s>]/ nocase
        $script = /<([a-z]{1,10}:)?script[\s>\/]/ nocase
        $nothing = /<([a-z]{1,10}:)?script\s{0,4}(\/>|>\s{0,40}<\/)/ nocase
        $handler = /\son(load|error|click|begin|end|repeat|focus|focusin|mouseover|mouseenter|mousemove|activate|scroll|toggle|pointerenter)\s{0,4}=\s{0,4}["']/ nocase
        $foreign = /<([a-z]{1,10}:)?foreignObject[^>]{0,400}>\s{0,200}<(body|iframe|script|form|embed|object|html)[\s>]/ nocase
        $entity = /<!ENTITY\s{1,20}%?\s{0,20}[\w.-]{1,80}\s{1,20}(SYSTEM|PUBLIC)\s/
        $data = /(href|src)\s{0,4}=\s{0,4}["']data:(text\/html|image\/svg\+xml|application\/xhtml)/ nocase
    condition:
        kind == "markup" and $svg in (0..2048) and (not $page or @svg[1] < @page[1]) and (#script > #nothing or any of ($handler, $foreign, $data, $entity))
}

// No picture has a reason to read what a page keeps for its user.
rule script_in_svg_reads_what_the_page_keeps {
    meta:
        severity = "critical"
        message = "a picture whose script reads the keys that a page keeps for its user"
    strings:
        $svg = /<([a-z]{1,10}:)?svg[\s>]/ nocase
        $page = /<(!doctype html|html)[\s>]/ nocase
        $script = /<([a-z]{1,10}:)?script[\s>\/]/ nocase
        $handler = /\son(load|error|click|begin|end|repeat|focus|focusin|mouseover|mouseenter|mousemove|activate|scroll|toggle|pointerenter)\s{0,4}=\s{0,4}["']/ nocase
        $keys = /\b(localStorage|sessionStorage|indexedDB)\b\s{0,4}[.\[]/
        $cookie = /\bdocument\s{0,4}\.\s{0,4}cookie\b/
    condition:
        kind == "markup" and $svg in (0..2048) and (not $page or @svg[1] < @page[1]) and any of ($script, $handler) and any of ($keys, $cookie)
}

// Written plainly, or with character references, which are decoded before the rule looks.
rule script_scheme_in_link {
    strings:
        $scheme = /<[a-z][^>]{0,400}(href|src|action|from|to|values)\s{0,4}=\s{0,4}["']\s{0,8}javascript:/ nocase
        // Links that do nothing.
        $nothing = /<[a-z][^>]{0,400}(href|src|action|from|to|values)\s{0,4}=\s{0,4}["']\s{0,8}javascript:\s{0,4}(void\s?\(?\s?0\s?\)?)?\s?;?\s{0,4}["']/ nocase
        $svg = /<([a-z]{1,10}:)?svg[\s>]/ nocase
    condition:
        #scheme > #nothing and (derived or $svg in (0..2048))
}

rule external_reference_in_svg {
    meta:
        severity = "medium"
        message = "loads a part of the picture from another place when it is shown"
    strings:
        $svg = /<([a-z]{1,10}:)?svg[\s>]/ nocase
        $external = /<(use|image|feImage)\s[^>]{0,400}href\s{0,4}=\s{0,4}["']https?:\/\// nocase
    condition:
        kind == "markup" and $svg in (0..256) and $external
}
