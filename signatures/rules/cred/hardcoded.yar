import "math"

// Formats as their makers document them. A match counts if it looks drawn by lot: no run of one character, no
// alphabet, no word of an example.
rule code_host_tokens {
    meta:
        severity = "medium"
        message = "holds a token of a code host"
    strings:
        $t0 = /\bgh[pousr]_[A-Za-z0-9]{36}\b/
        $t1 = /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/
        $t2 = /\bglpat-[A-Za-z0-9_\-]{20}\b/
        $t3 = /\bgl(ptt|dt|rt|cbt|oas|soat)-[A-Za-z0-9_\-]{20,64}\b/
        $t4 = /\bATATT3[A-Za-z0-9_\-=]{100,220}/
        $t5 = /\bATBB[A-Za-z0-9]{32}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.6
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule registry_tokens {
    meta:
        severity = "medium"
        message = "holds a token of a package registry"
    strings:
        $t0 = /\bnpm_[A-Za-z0-9]{36}\b/
        $t1 = /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{50,200}/
        $t2 = /\bdckr_pat_[A-Za-z0-9_\-]{27}\b/
        $t3 = /\brubygems_[a-f0-9]{48}\b/
        $t4 = /\bcio[A-Za-z0-9]{32}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.5
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule cloud_secret_keys {
    meta:
        severity = "medium"
        message = "holds a secret key of a cloud"
    strings:
        $t0 = /aws_?secret_?(access_?)?key["\x27]?\s{0,3}[=:]{1,2}>?\s{0,3}["\x27]?[A-Za-z0-9\/+]{40}\b/ nocase
        $t1 = /AccountKey=[A-Za-z0-9\/+]{86}==/
        $t2 = /\bdo[opr]_v1_[a-f0-9]{64}\b/
        $t3 = /\bhvs\.[A-Za-z0-9_\-]{90,120}/
        $t4 = /\bdapi[a-f0-9]{32}\b/
        $t5 = /\bsbp_[a-f0-9]{40}\b/
        $t6 = /\bLTAI[A-Za-z0-9]{20}\b/
        $t7 = /\bAKID[A-Za-z0-9]{32}\b/
        $t8 = /\bdp\.(pt|st|ct)\.[A-Za-z0-9]{40,44}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.5
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule cloud_key_ids {
    meta:
        severity = "low"
        message = "holds the key of a cloud account"
    strings:
        $t0 = /\b(AKIA|ASIA)[A-Z2-7]{16}\b/
        $t1 = /\bAIza[0-9A-Za-z_\-]{35}\b/
        $t2 = /\bGOCSPX-[A-Za-z0-9_\-]{28}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.2
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule model_provider_keys {
    meta:
        severity = "medium"
        message = "holds a key of a model provider"
    strings:
        $t0 = /\bsk-(proj|svcacct|admin)-[A-Za-z0-9_\-]{20,90}T3BlbkFJ[A-Za-z0-9_\-]{20,90}/
        $t1 = /\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b/
        $t2 = /\bsk-ant-(api|admin|oat)[0-9]{2}-[A-Za-z0-9_\-]{80,110}/
        $t3 = /\bsk-or-v1-[a-f0-9]{64}\b/
        $t4 = /\bsk-[A-Za-z0-9]{32,64}\b/
        $t5 = /\bsk_[a-f0-9]{48}\b/
        $t6 = /\bgsk_[A-Za-z0-9]{52}\b/
        $t7 = /\bxai-[A-Za-z0-9]{80}\b/
        $t8 = /\bhf_[A-Za-z]{34}\b/
        $t9 = /\br8_[A-Za-z0-9]{37}\b/
        $t10 = /\bpplx-[A-Za-z0-9]{48}\b/
        $t11 = /\btvly-(dev-|prod-)?[A-Za-z0-9]{32}\b/
        $t12 = /\bfc-[a-f0-9]{32}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.4
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule chat_tokens {
    meta:
        severity = "medium"
        message = "holds a token of a chat service"
    strings:
        $t0 = /\bxox[bpars]-[0-9]{9,13}-[0-9]{9,13}-([0-9]{9,13}-)?[A-Za-z0-9]{24,34}\b/
        $t1 = /\bxapp-1-A[A-Z0-9]{8,12}-[0-9]{10,14}-[a-f0-9]{64}\b/
        $t2 = /\b[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}\b/
        $t3 = /\b[MNO][A-Za-z0-9_\-]{23,25}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,38}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.3
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule payment_and_mail_keys {
    meta:
        severity = "medium"
        message = "holds a key of a payment or mail service"
    strings:
        $t0 = /\b[sr]k_live_[A-Za-z0-9]{24,100}\b/
        $t1 = /\bSG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}\b/
        $t2 = /\bkey-[a-f0-9]{32}\b/
        $t3 = /twilio[A-Za-z0-9_"\x27 .=:\[\]]{0,40}[=:]\s{0,3}["\x27](SK)?[0-9a-f]{32}["\x27]/ nocase
        $t4 = /\bshp(at|ss|ca|pa)_[a-f0-9]{32}\b/
        $t5 = /\bsq0csp-[A-Za-z0-9_\-]{43}\b/
        $t6 = /\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b/
        $t7 = /\bEAA[A-Z][A-Za-z0-9]{150,220}\b/
        $t8 = /\bmd-[A-Za-z0-9_\-]{22}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.3
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule office_tokens {
    meta:
        severity = "medium"
        message = "holds a token of an office service"
    strings:
        $t0 = /\blin_api_[A-Za-z0-9]{40}\b/
        $t1 = /\bntn_[0-9]{11}[A-Za-z0-9]{35}\b/
        $t2 = /\bsecret_[A-Za-z0-9]{43}\b/
        $t3 = /\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b/
        $t4 = /\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b/
        $t5 = /\bfigd_[A-Za-z0-9_\-]{40}\b/
        $t6 = /\bphx_[A-Za-z0-9]{40,48}\b/
        $t7 = /\bATTA[a-f0-9]{64,72}\b/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p9 = "-key-here" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.5
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule private_key_blocks {
    meta:
        severity = "medium"
        message = "holds a private key"
    strings:
        $t0 = /-----BEGIN ((RSA|EC|DSA|OPENSSH) )?PRIVATE KEY-----(\\n|\\r|\s){1,4}[A-Za-z0-9+\/]{60,76}/
        $t1 = /-----BEGIN PGP PRIVATE KEY BLOCK-----[^-]{120,200}/
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
    condition:
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 4.6
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule wallet_keys {
    meta:
        severity = "medium"
        message = "holds the private key of a wallet"
    strings:
        $t0 = /\b(private_?key|secret_?key|wallet_?key|pk)["\x27]?\s{0,3}[=:]\s{0,3}["\x27]?(0x)?[0-9a-f]{64}\b/ nocase
        $t1 = /\b(private_?key|secret_?key|wallet_?key)["\x27]?\s{0,3}[=:]\s{0,3}["\x27]?[1-9A-HJ-NP-Za-km-z]{87,88}\b/ nocase
        $p1 = "xxxx" nocase private
        $p2 = "1234567" private
        $p3 = "abcdef" nocase private
        $p4 = "EXAMPLE" nocase private
        $p5 = "000000" private
        $p6 = "your" nocase private
        $p7 = "test" nocase private
        $p8 = "fake" nocase private
        $p11 = "placeholder" nocase private
        $p12 = "redacted" nocase private
        $known = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80" private
    condition:
        not $known and
        for any of ($t*) : (
            for any i in (1..#) : (
                math.entropy(@[i], ![i]) >= 3.5
                and with from = @[i], to = @[i] + ![i] - 1 : (
                    not for any of ($p*) : ($ in (from..to))
                )
            )
        )
}

rule wallet_words {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "holds the seed phrase of a wallet"
    strings:
        $words = /\b(mnemonic|seed_?phrase|recovery_?phrase|secret_?phrase)["\x27]?\s{0,3}[=:]\s{0,3}["\x27`]([a-z]{3,8} ){11}(([a-z]{3,8} ){3}){0,4}[a-z]{3,8}["\x27`]/ nocase
        $known1 = "test test test" private
        $known2 = "abandon abandon" private
        $known3 = /\b(word|your|twelve|seed|phrase|here) (word|words|seed|mnemonic|twelve|phrase|here)/ private
        $known4 = "legal winner thank" private
        $known5 = "letter advice cage" private
    condition:
        $words and not any of ($known*)
}
