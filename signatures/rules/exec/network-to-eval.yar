// The body of an answer goes straight into an evaluator.
rule javascript_evaluates_an_answer {
    strings:
        $direct = /([^.\w$](eval|Function)|\.(runInThisContext|runInNewContext|runInContext|_compile))\)?\(\s{0,4}\(?\s{0,2}(await\s)?\(?\s{0,2}(await\s)?(fetch|axios|got|request|needle|superagent|ky|undici)[.(][^\n]{1,160}/
        $worker = /\bimport\(\s{0,4}['"`]data:[^\n]{1,60}await\s[^\n]{0,60}(\.text\(\)|\.data\b)/
        $then_eval = /\.text\(\)\s?\)\s{0,20}\.then\(\s{0,4}((globalThis|window)\.)?eval\s{0,2}\)/
        $then_arrow = /\.then\(\s{0,4}(async\s)?\(?\s?(\w{1,20}|\{\s?(data|body)\s?\})\s?\)?\s?=>\s?\{?\s{0,20}(return\s)?(eval|\(0,\s?eval\)|new Function|Function|vm\.runIn\w{3,14})\(/
    condition:
        any of them
}

rule javascript_collects_an_answer_and_evaluates_it {
    strings:
        $net = /\bhttps?(\.|['"]\)\.)(get|request)\(/
        $end = /\.on\(\s{0,2}['"](end|close)['"],[^\x00]{1,160}([^.\w$](eval|Function)|\.(runInThisContext|runInNewContext|_compile))\(\s{0,4}\w/
    condition:
        all of them
}

rule javascript_fetches_then_evaluates {
    meta:
        severity = "high"
        confidence = "medium"
    strings:
        $net = /\b(fetch|axios|got|needle|superagent)[.(]/
        $body = /=\s?(\(\s?)?await\s[^\n;]{1,80}(\.text\(\)|\)\.data\b|\)\.body\b)|\bdata(\s?:\s?\w{1,30})?\s?\}\s?=\s?await\saxios/
        $runs = /([^.\w$](eval|Function)|\.(runInThisContext|runInNewContext|_compile))\(\s{0,4}\w{1,40}(\.(code|script|payload|body|data|text)){0,2}\s{0,4}[,)]/
    condition:
        $net and for any i in (1..#body) : (
            for any j in (1..#runs) : (@runs[j] > @body[i] and @runs[j] - @body[i] < 500)
        )
}

rule python_evaluates_an_answer {
    strings:
        $direct = /(^|[^.\w])(exec|eval)\(\s{0,4}(compile\(\s{0,4})?([\w.]{1,30}\(\s{0,4}){0,3}(__import__\(\s?['"]\w{1,20}(\.\w{1,20})?['"](,[^\n)]{1,30})?\s?\)\.)?((requests|httpx)\.(get|post|request)|(urllib\.)?request\.urlopen|urllib2\.urlopen|urlopen)\(/
        $socket = /(^|[^.\w])exec\(\s{0,4}(compile\(\s{0,4})?\w{1,20}\.recv(from)?\(/
        $loads = /\b(pickle|cPickle|dill|cloudpickle|marshal)\.loads?\(\s{0,4}((requests|httpx)\.(get|post)|(urllib\.)?request\.urlopen|urlopen)\(/
    condition:
        any of them
}

rule python_fetches_then_evaluates {
    meta:
        confidence = "medium"
        severity = "high"
    strings:
        $net = /\b(requests|httpx)\.(get|post|request|Session|Client|AsyncClient)\(|\burlopen\(|aiohttp\.ClientSession\(/
        $attribute = /[^.\w](exec|eval)\(\s{0,4}(compile\(\s{0,4})?\w{1,40}\.(text|content|body|data|read\(\))(\.decode\([^)]{0,20}\))?\s{0,4}[,)]/
        $json = /[^.\w]exec\(\s{0,4}(compile\(\s{0,4})?\w{1,40}(\.json\(\))?(\[['"]\w{1,20}['"]\]|\.get\(['"]\w{1,20}['"]\))\s{0,4}[,)]/
        $unpickled = /\b(pickle|cPickle|dill|cloudpickle|marshal)\.loads\(\s{0,4}\w{1,40}\.(content|body|data)\s{0,4}\)/
        $body = /\b\w{1,40}\s?=\s?(\(?await\s)?[^\n=]{1,200}(\.text(\(\))?|\.content|\.read\(\)(\.decode\([^)\n]{0,20}\))?)\)?\s{0,4}\n/
        $runs = /[^.\w]exec\(\s{0,4}(compile\(\s{0,4})?\w{1,40}\s{0,4}[,)]/
    condition:
        $net and (
            any of ($attribute, $json, $unpickled)
            or for any i in (1..#body) : (
                for any j in (1..#runs) : (@runs[j] > @body[i] and @runs[j] - @body[i] < 500)
            )
        )
}

rule other_languages_evaluate_an_answer {
    strings:
        $eval = /\beval[ (]{1,2}\s{0,2}(\w{1,20}\(\s{0,2}){0,2}(file_get_contents\(\s?['"]https?:|URI\.open\(|URI\(['"]https?:|Net::HTTP\.get|LWP::Simple::get)/
        $include = /\b(include|require)(_once)?[ (]{1,2}['"]https?:\/\//
    condition:
        any of them
}
