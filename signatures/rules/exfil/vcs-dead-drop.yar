rule program_fills_repository_from_environment {
    strings:
        $make = /createForAuthenticatedUser\(|["'`\/]user\/repos["'`]|createOrUpdateFileContents\(|gists\.create\(|\/gists["'`]/
        $all = /JSON\.stringify\(\s{0,4}(process\.env\s{0,4}[,)]|\{[^}]{0,200}process\.env\s{0,4}[,}])|\.\.\.process\.env|dict\(os\.environ\)|os\.environ\.copy\(\)/
    condition:
        $make and $all
}
