// Programs in languages that are not followed: secrets of several owners in one file, and a client that sends.
rule program_gathers_secrets_and_sends {
    strings:
        $ssh = /\.ssh[\/\\"'`]/ private
        $aws = /\.aws[\/\\](credentials|config)/ private
        $google = /application_default_credentials|[\/\\]gcloud[\/\\]/ private
        $azure = /msal_token_cache|\.azure[\/\\]/ private
        $cluster = /\.kube[\/\\"'`]|\bkubeconfig\b/ nocase private
        $login = /\.(git-credentials|netrc|npmrc|pypirc)\b|\.docker[\/\\]config\.json/ private
        $browser = /Login Data|[\/\\]User Data\b|cookies\.sqlite|logins\.json|key4\.db/ private
        $wallet = /\b(Exodus|Electrum|wallet\.dat|nkbihfbeogaeaoehlefnkodbefgpgknn)\b/ private
        $agent = /\.(openclaw|clawdbot|moltbot)[\/\\]|\.claude[\/\\]\.credentials|\.codex[\/\\]auth/ private
        $go = /\bhttp\.(Post|PostForm)\(|\bhttp\.NewRequest(WithContext)?\([^\n]{0,40}("P(OST|UT)"|http\.MethodP(ost|ut))|\bnet\.(LookupTXT|LookupHost|Dial)\(|\bsmtp\.SendMail\(/
        $powershell = /\b(Invoke-RestMethod|Invoke-WebRequest|irm|iwr)\b[^\n]{0,200}-(InFile|Body|Method[ ]{1,2}P(ost|ut))\b|\.Upload(File|Data|String)\(|\bSend-MailMessage\b/ nocase
        $ruby = /\bNet::HTTP(\.post|::Post|::Put)|\b(Faraday|HTTParty|RestClient)\.(post|put)\b|\bTCPSocket\.(new|open)\b/
        $php = /\bCURLOPT_POSTFIELDS\b|\bmail\(\$/
        $dotnet = /\.(PostAsync|PutAsync|UploadFile|UploadData|UploadString)\(/
        $rust = /\b(reqwest|ureq)::[\w:(){}\s.]{0,80}\b(post|put)\(|\.post\("https?:/
    condition:
        kind != "python" and
        3 of ($ssh, $aws, $google, $azure, $cluster, $login, $browser, $wallet, $agent) and any of ($go, $powershell, $ruby, $php, $dotnet, $rust)
}

// Pages that a browser keeps its logins in, or keys for machines, packed up and sent.
rule powershell_sends_profiles {
    strings:
        $secret = /[\/\\]User Data\b[^\x00]{0,2000}(Login Data|Cookies|Local State)|[\/\\]\.ssh\b/ nocase
        $packed = /\b(Compress-Archive|ZipFile\]::CreateFromDirectory|tar(\.exe)? -?[acz]{1,4}f)\b/ nocase
        $sent = /\b(Invoke-RestMethod|Invoke-WebRequest|irm|iwr)\b[^\n]{0,200}-InFile\b|\.UploadFile\(|\bSend-MailMessage\b[^\n]{0,300}-Attachments\b|\.Attachments\.Add\(/ nocase
        $local = /-Uri[ ]{1,2}["']?https?:\/\/(localhost|127\.|192\.168\.|10\.)/ nocase
    condition:
        $secret and $packed and $sent and not $local
}
