rule wallet_key_by_name {
    strings:
        $name = /\b([A-Z0-9]{1,16}_){0,3}(PRIVATE_KEY|MNEMONIC|SEED_PHRASE)\b/
        $field = /"(private_?key|mnemonic|seed_?phrase)"\s{0,4}:\s{0,4}"(0x|\$|<|your)/ nocase
        $option = /--?(import|private|wallet)-key[ =]\S/
        $wallet = /\b(wallets?|solana|ethereum|on-?chain|usdc|mainnet|testnet|token swap)\b/ nocase
    condition:
        not derived and $wallet and ($name or $field or $option)
}
