// One-liners of languages that are not followed: a socket, and a secret of the environment that is printed into it.
rule one_liner_sends_a_secret_of_the_environment {
    strings:
        $perl = /\bperl[ ][^\n]{0,80}(-MIO::Socket|-MLWP|-MHTTP::Tiny|-MSocket|-e)[\s\S]{0,300}(IO::Socket|LWP::UserAgent|HTTP::Tiny|connect\()[\s\S]{0,400}[$@%]ENV\{[^}\n]{0,80}(TOKEN|SECRET|PASSW|API_?KEY|PRIVATE_KEY|CREDENTIAL)/
        $ruby = /\bruby[ ][^\n]{0,80}-(rsocket|rnet\/http|ropenssl|e)[\s\S]{0,300}(TCPSocket|SSLSocket|Net::HTTP)[\s\S]{0,400}ENV\[['"][^'"\n]{0,60}(TOKEN|SECRET|PASSW|API_?KEY|PRIVATE_KEY|CREDENTIAL)/
        $php = /\bphp[ ]-r[ ][\s\S]{0,300}(fsockopen|stream_socket_client|curl_init|file_get_contents\(["']https?:)[\s\S]{0,400}getenv\(["'][^'"\n]{0,60}(TOKEN|SECRET|PASSW|API_?KEY|PRIVATE_KEY|CREDENTIAL)/
    condition:
        any of them
}
