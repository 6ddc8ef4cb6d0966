rule program_reads_other_memory {
    strings:
        $mem = /["'`]\/proc\/(\{\w{1,20}\}|\$\{\w{1,20}\}|%[sd]|["'] ?\+ ?\w{1,20} ?\+ ?["'])\/mem["'`]/
        $call = /(=|\(|return|[;{}!]|\|\||&&)\s{0,40}(\w{1,20}(\.|::)){0,2}process_vm_readv\(|\bMiniDumpWriteDump\(|\bmach_vm_read(_overwrite)?\(/
    condition:
        any of them
}

rule program_reads_other_environment {
    meta:
        severity = "high"
        message = "reads the environment of other processes, and the keys in it"
    strings:
        $one = /["'`]\/proc\/(\{\w{1,20}\}|\$\{\w{1,20}\}|%[sd]|["'] ?\+ ?\w{1,20} ?\+ ?["']|\*)\/environ["'`]/
    condition:
        $one
}
