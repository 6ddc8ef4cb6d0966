// The body of an answer goes straight into an evaluator.

rule other_languages_evaluate_an_answer {
    strings:
        $eval = /\beval[ (]{1,2}\s{0,2}(\w{1,20}\(\s{0,2}){0,2}(file_get_contents\(\s?['"]https?:|URI\.open\(|URI\(['"]https?:|Net::HTTP\.get|LWP::Simple::get)/
        $include = /\b(include|require)(_once)?[ (]{1,2}['"]https?:\/\//
    condition:
        any of them
}
