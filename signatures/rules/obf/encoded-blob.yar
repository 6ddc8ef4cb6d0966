// Long encoded text right inside the call that decodes it; pictures, fonts, sounds and modules are left out by how they begin.
rule long_text_is_decoded {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "decodes a long text that no one can read"
    strings:
        $blob = /\b(atob|b64decode|b85decode|b32decode|a85decode|fromhex|unhexlify|decodeBase64|FromBase64String|Buffer\.from)\(\s{0,8}[br]{0,2}['"`]{1,3}[A-Za-z0-9+\/=]{400}/
        $media = /\b(atob|b64decode|decodeBase64|FromBase64String|Buffer\.from)\(\s{0,8}[br]{0,2}['"`]{1,3}(iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|AGFzbQ|d09GM|JVBERi0|SUQz|T2dnUw|PHN2Zy|AAABAA|AAEAAAA|T1RUTw|Qk0|\/\/[su][QUk]|AAAA[GHI]GZ0eX|UEsDB)/
    condition:
        #blob > #media
}

rule long_escaped_bytes {
    meta:
        severity = "medium"
        confidence = "medium"
        message = "holds a long run of bytes that are written as escapes"
    strings:
        $escapes = /['"`](\\x[0-9a-fA-F]{2}){48}/
    condition:
        $escapes
}

// No decoder in sight, but named like something that has one.
rule long_text_in_program {
    strings:
        $blob = /\b(payload|blob|encoded|compressed|packed|code|b64|base64|hex|shell|stage|script|binary|chunk)\w{0,12}\s?=\s?\(?\s{0,8}[br]{0,2}['"`]{1,3}[A-Za-z0-9+\/=]{1000}/ nocase
        $media = /\b(payload|blob|encoded|compressed|packed|code|b64|base64|hex|shell|stage|script|binary|chunk)\w{0,12}\s?=\s?\(?\s{0,8}[br]{0,2}['"`]{1,3}(iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|AGFzbQ|d09GM|JVBERi0|SUQz|T2dnUw|PHN2Zy|AAABAA|AAEAAAA|T1RUTw|\/\/[su][QUk]|AAAA[GHI]GZ0eX|UEsDB)/ nocase
    condition:
        #blob > #media
}
