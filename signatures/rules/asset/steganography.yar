// The lowest bits of pixels or samples become text, and the text runs.
rule low_bits_are_run {
    strings:
        $samples = /\.getpixel\(|\.getdata\(\)|\bgetImageData\(|\.readframes\(|\bPNG\.sync\.read\(|\bImage\.open\(|\bimread\(|\bwavfile\.read\(|\bJimp\.read\(|\bsharp\(|\.bitmap\.data\b|\bjpeg\.decode\(/
        $bits = /[\w\])][ ]?& ?(0x01|0x1|0b1|1)\b[^\d]/
        $runs = /[^.\w$](eval|exec|Function)\(\s{0,4}[\w'"`]|\.(runInThisContext|runInNewContext|_compile)\(|\b(os\.system|subprocess\.\w{3,12}|execSync|spawnSync)\(\s{0,4}\w{1,30}\s{0,2}[,)]/
    condition:
        // Large programs hold all of it somewhere, far apart.
        for any i in (1..#samples) : (
            $runs in (@samples[i] - 4000..@samples[i] + 4000) and $bits in (@samples[i] - 4000..@samples[i] + 4000)
        )
}

rule reveals_and_runs {
    strings:
        $reveal = /\b(lsb\.reveal|lsbset\.reveal|exifHeader\.reveal|stegano|stegcloak|steggy|steganography\.decode|decodeMessageFromImage)\b/
        $runs = /[^.\w$](eval|exec|Function)\(\s{0,4}[\w'"`]|\.(runInThisContext|runInNewContext|_compile)\(|\b(os\.system|subprocess\.\w{3,12}|execSync|spawnSync)\(\s{0,4}\w{1,30}\s{0,2}[,)]/
    condition:
        all of them
}

// A picture or sound is cut at a mark, and the part runs.
rule part_of_media_is_run {
    strings:
        $part = /\b(readFileSync|readFile|open|read_bytes|Path)\([^\n]{0,80}\.(png|jpe?g|gif|wav|mp3|ico|bmp|webp|ttf|woff2?|mp4)['"`][^\x00]{1,300}\.?\b(split|indexOf|find|rindex|lastIndexOf|slice|subarray|partition|rsplit)\([^\x00]{1,300}[^.\w$](eval|exec|Function|execSync|spawnSync|os\.system|runInThisContext|runInNewContext|_compile)\(/
    condition:
        $part
}
