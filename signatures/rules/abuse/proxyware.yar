// The same in files of containers, and the link that shares bandwidth from a program.
rule image_of_bandwidth_client {
    strings:
        $image = /\b(image:\s?['"]?|FROM )([\w.-]{1,40}\/)?(honeygain\/honeygain|traffmonetizer\/cli|iproyal\/pawns-cli|packetstream\/psclient|peer2profit\/|repocket\/repocket|proxyrack\/pop|bitping\/bitping|fazalfarhan01\/earnapp)/
    condition:
        $image
}
