rule program_lists_wallet_extensions {
    strings:
        $id = /\b(nkbihfbeogaeaoehlefnkodbefgpgknn|ejbalbakoplchlghecdalmeeeajnimhm|hnfanknocfeofbddgcijnmhnfnkdnaad|fhbohimaelbohpjbbldcngcnapndodjp|ibnejdfjmmkpcnlpebklmnkoeoihofec|bfnaelmomeimhlpmgjnjophhpkkoljpa|egjidjbpglichdcondbcbdnbeeppgdph|fnjhmkhhmkbjkkabndcnnogagogbneec|dmkamcknogkgcdfhhbddcghachkejeap|mcohilncbfahbmgdjkbpemcciiolgcge|acmacodkjbdgmoleebolmdjonilkdbch|bhhhlbepdkbapadjdnnojkbgioiodbic|pocmplpaccanhmnllbbkpgfliimjljgo|afbcbjpbpfadlkmhmclhkeeodmamcflc|lpfcbjknijpeeillifnkikgncikgfhdo|ffnbelfdoeiohenkjibnmadjiehjhajb|aholpfdialjgjfhomihkjbmgjidlcdno|aiifbnbfobpmeekipheeijimdpnlpgpp|hmeobnfnfcmdkdcmlblgagmfpfboieaf|ejjladinnckdgjemekebdpeokbikhfci|efbglgofoippbgcjepnhiblaibcnclgk|phkbamefinggmakgklpkljjmgibohnba|opcgpfmipidbgpenhmajoajpbobppdil|dlcobpjiigpikoobohmabehhmhfoodbb|jnlgamecbpmbajjfhmmmlhejkemejdma|ldinpeekobnhjjdofggfgjlcehhmanlj|ppbibelpcjmhbdihakflkdcoccbgbkpo|idnnbdplmphpflfnlkomgpfbpcgelopg|ookjlbkiijinhpmnjffcofjonbfbgaoc|hpglfhgfnhbgpjdenjgmdgoeiappafln|aeachknmefphepccionboohckonoeemg|jiidiaalihmmhddjgbnbgdfflelocpak|kpfopkelmapcoipemfendmdcghnegimn|cjelfplplebdjjenllpjcblmjkfcffne|jbdaocneiiinmjbjlgalhcelgbejmnid|fhilaheimglignddkjgofkcbgekhenbh|amkmjjmmflddogmhpjloimipbofnfjih|nlbmnnijcnlegkjjpcfjclmcfggfefdm|jojhfeoedkpkglbfimdfabpdfjaoolaf|kncchdigobghenbbaddojjnnaogfppfj|cphhlgmgameodnhkjdmkpanlelnlohao|dkdedlpgdmmkkfjabffeganieamfklkm|fcfcfllfndlomdhbehjjcoimbgofdncg|fijngjgcjhjmmpcmkeiomlglpeiijkld|onhogfjeacnfoofkfgppdlbmlmnplgbn|mopnmbcafieddcagagdcbnhejhlodfdd|aflkmfhebedbjioipglgcbcmnbpgliof|mkpegjkblkkefacfnmkajcjmabijhclg|opfgelmcmbiajamepnmloijbpoleiama|klghhnkeealcohjjanjjdaeeggmfmlpl|kkpllkodjeloidieedojogacfhpaihoh|omaabbefbmiijedngplfjmnooppbclkk|ldcoohedfbjoobcadoglnnmmfbdlmmhf|jblndlipeogpafnldhgmapagcccfchpi|epapihdplajcdnnkdeiahlgigofloibg|cjmkndjhnagcfbpiemnkdpomccnjblmj|cnmamaachppnkjgnildpdmkaakejnhae|gjagmgiddbbciopjhllkdnddhcglnemk|ijmpgkjfkbfhoebgogflfebnmejmfbml|flpiciilemghbmfalicajoolhkkenfel|hcflpincpppdclinealmandijcmnkbgn|nhnkbkgjikgcigadomkphalanndcapjk|blnieiiffboillknjnepogjhkgnoapac|lgmpcpglpngdoalbgeoldeajfclnhafa|agoakfejjabomempkjlepdflaleeobhb|kmhcihpebfmpgmihbkipmjlmmioameka|gafhhkghbfjjkeiendhlofajokpaflmk)\b/
    condition:
        kind != "markdown" and kind != "text" and kind != "markup" and #id >= 3
}

rule program_reads_extension_storage {
    strings:
        $storage = /["'`\/\\](Local Extension Settings|Sync Extension Settings)["'`\/\\]/
        $use = /readdirSync|readFileSync|copyFile|cpSync|createReadStream|shutil\.copy|os\.walk|os\.listdir|\.glob\(|copytree|ZipFile/
    condition:
        $storage and $use
}

rule program_lists_wallet_folders {
    strings:
        $a = /["'`\/\\]Exodus([\/\\]{1,2}exodus\.wallet)?["'`]/
        $b = /["'`\/\\]Electrum[\/\\]{1,2}wallets["'`]/
        $c = /["'`\/\\]Ethereum[\/\\]{1,2}keystore["'`]/
        $d = /["'`\/\\]atomic[\/\\]{1,2}Local Storage/
        $e = /["'`\/\\]Ledger Live["'`\/\\]/
        $f = /["'`\/\\]Coinomi[\/\\]{1,2}(Coinomi[\/\\]{1,2})?wallets["'`]/
        $g = /["'`\/\\](\.?bitcoin[\/\\]{1,2})?wallet\.dat["'`]/ nocase
        $h = /["'`\/\\]com\.liberty\.jaxx/
        $i = /["'`\/\\]@trezor[\/\\]{1,2}suite-desktop/
        $j = /["'`\/\\]Guarda["'`\/\\]/
    condition:
        3 of them
}
