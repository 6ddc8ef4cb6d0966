rule template_has_fixed_blind_copy {
    strings:
        $bcc = /\n[ \t>]{0,8}Bcc:[ ]?[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,3}\.[A-Za-z]{2,12}[ \t]*\r?\n/
        $to = /\nTo:[ ]?[^\n]{0,80}[{<$]/
        $not = /\nBcc:[ ]?[A-Za-z0-9._%+-]{1,64}@example\.(com|net|org)/
    condition:
        $bcc and $to and not $not
}
