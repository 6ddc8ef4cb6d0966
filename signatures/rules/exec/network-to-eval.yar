// The body of an answer goes straight into an evaluator.

rule other_languages_evaluate_an_answer {
    strings:
        $eval = /\beval[ (]{1,2}\s{0,2}(\w{1,20}\(\s{0,2}){0,2}(file_get_contents\(\s?['"]https?:|URI\.open\(|URI\(['"]https?:|Net::HTTP\.get|LWP::Simple::get)/
        $include = /\b(include|require)(_once)?[ (]{1,2}['"]https?:\/\//
    condition:
        any of them
}

// A page that runs whatever its visitor names: `$` may be written twice, as in a template.
rule page_runs_what_it_is_sent {
    meta:
        severity = "high"
        confidence = "medium"
        message = "writes a page that runs whatever a visitor sends it"
    strings:
        $direct = /\b(eval|assert|system|passthru|shell_exec|exec|popen|proc_open|create_function)\s?\(\s?@?(\w{1,20}\(\s?){0,2}\$\$?_(GET|POST|REQUEST|COOKIE|SERVER)\b/
        $function = /\bcall_user_func(_array)?\s?\(\s?\$\$?[^,;()]{1,60},\s?(\[\s?)?@?(\w{1,20}\(\s?){0,2}\$\$?_(GET|POST|REQUEST|COOKIE|SERVER)\b/
        $named = /\$\$?_(GET|POST|REQUEST|COOKIE)\s?\[[^\]\n]{1,40}\]\s?\(\s?@?\$\$?_(GET|POST|REQUEST|COOKIE)\b/
    condition:
        kind != "markdown" and any of them
}
