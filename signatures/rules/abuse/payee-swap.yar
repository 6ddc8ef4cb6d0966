rule account_number_for_some_invoices {
    strings:
        $number = /["'`][A-Z]{2}[0-9]{2}[ ]?[A-Z0-9]{4}([ ]?[A-Z0-9]{1,4}){2,8}["'`]/ private
        // Those that documentation shows.
        $sample = /["'`](DE89[ ]?3704|GB29[ ]?NWBK|GB82[ ]?WEST|GB33[ ]?BUKB|FR14[ ]?2004|NL91[ ]?ABNA|ES91[ ]?2100|AT61[ ]?1904|CH93[ ]?0076|BE68[ ]?5390|IT60[ ]?X054|PL61[ ]?1090|LT12[ ]?1000|IE29[ ]?AIBK|SE45[ ]?5000|NO93[ ]?8601|DK50[ ]?0040|FI21[ ]?1234|PT50[ ]?0002|LU28[ ]?0019)/ private
        $word = /\biban\b/ nocase private
        $amount = /\b(total|amount|sum|betrag|summe|gross|brutto|net|value|importe|monto|montant|valor|price)\w{0,16}["'\])]{0,3}[ ]{0,2}(<|>|<=|>=)[ ]{0,2}[0-9]{2}/ nocase
        $some = /%[ ]{0,2}[0-9]{1,3}[ ]{0,2}(===?|!==?|<|>)[ ]{0,2}[0-9]/
        $test = /\b(assert|expect\(|describe\(|unittest|pytest)\b/ private
    condition:
        (kind == "javascript" or kind == "typescript" or kind == "tsx" or kind == "python") and
        $word and #number > #sample and any of ($amount, $some) and not $test
}
