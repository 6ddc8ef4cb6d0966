// The author's own account as the one who is paid, fixed in the text of a skill.
rule fee_goes_to_a_fixed_account {
    strings:
        $fee = /(fee|commission|referr(al|er)|partner|affiliate)[_ -]?(fee[_ -]?)?(recipient|receiver|address|account|wallet)["'`*]?[ \t]{0,8}[|=:][ \t]{0,4}["'`]?(0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{43,44})\b/ nocase
        $short = /\b(referr?er|referral|integrator|partner|affiliate|fee_?(to|taker|collector))["'`*]?[ \t]{0,8}[|=:][ \t]{0,4}["'`]?(0x[1-9a-fA-F][0-9a-fA-F]{39}|[1-9A-HJ-NP-Za-km-z]{43,44})\b/ nocase
        $code = /(referral|affiliate|partner|broker|referrer)[_ -]?(code|id|tag)["'`*]?[ \t]{0,8}[|=:][ \t]{0,4}["'`]?[A-Za-z0-9_-]{4,24}["'`]/ nocase
    condition:
        not derived and kind != "binary" and any of them
}
