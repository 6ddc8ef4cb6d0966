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
