rule script_in_svg {
    strings:
        $svg = "<svg" nocase
        $script = /<script[\s>\/]/ nocase
        $handler = /\son(load|error|click|begin|end|repeat|focus|focusin|mouseover|mouseenter|mousemove|activate|scroll|toggle|pointerenter)\s{0,4}=\s{0,4}["']/ nocase
        $scheme = /(href|src|action|from|to|values)\s{0,4}=\s{0,4}["']\s{0,8}javascript:/ nocase
        $foreign = /<foreignObject[^>]{0,400}>\s{0,200}<(body|iframe|script|form|embed|object|html)[\s>]/ nocase
        $data = /(href|src)\s{0,4}=\s{0,4}["']data:(text\/html|image\/svg\+xml|application\/xhtml)/ nocase
    condition:
        kind == "markup" and $svg in (0..2048) and any of ($script, $handler, $scheme, $foreign, $data)
}
