rule pool_address {
    strings:
        $pool = /stratum[12]?\+(tcp|ssl|tls):\/\/[\w.-]{3,80}:\d{2,5}\b/
    condition:
        $pool
}

rule pool_protocol {
    strings:
        $subscribe = "mining.subscribe"
        $authorize = "mining.authorize"
        $submit = "mining.submit"
    condition:
        2 of them
}

rule miner_settings {
    strings:
        $pools = /"pools"\s?:\s?\[/
        $donate = /"donate-level"\s?:/
        $coin = /"(algo|coin)"\s?:\s?"/
    condition:
        all of them
}

rule miner_in_page {
    strings:
        $object = /\b(CoinHive|Coinhive|CryptoLoot|CoinImp|Client)\.(Anonymous|User)\(\s?['"]/
        $start = /\.start\(/
    condition:
        all of them
}

// The protocol of a pool in a program of its own.
rule pool_protocol_in_program {
    strings:
        $job = /\bjob_id\b/
        $nonce = /\bnonce\b/
        $login = /['"](login|mining\.(subscribe|authorize)|eth_submitLogin)['"]/
        $submit = /['"](submit|mining\.submit|eth_submitWork)['"]/
        $algorithm = /['"](rx\/(0|wow|arq|graft)|cn\/[a-z0-9]{1,8}|argon2\/\w{2,10}|kawpow|ghostrider|randomx|ethash|yescrypt\w{0,6})['"]/ nocase
    condition:
        all of them
}
