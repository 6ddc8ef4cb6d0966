//! Arithmetic of shells: whole numbers, variables by their bare names.

/// What an expression may ask and change while it is computed.
pub(super) trait Numbers {
    /// The number that a variable or item of a list holds.
    fn number(&mut self, name: &str, index: Option<i64>) -> Option<i64>;
    /// A variable gets a number; `None` if it is not known.
    fn assign(&mut self, name: &str, value: Option<i64>);
}

/// Nesting that is followed.
const DEPTH: usize = 60;

struct Parser<'t, N> {
    rest: &'t str,
    depth: usize,
    numbers: &'t mut N,
}

/// Operators by how tightly they bind.
const BINARY: [(&str, u8); 18] = [
    ("||", 1),
    ("&&", 2),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("==", 6),
    ("!=", 6),
    ("<=", 7),
    (">=", 7),
    ("<<", 8),
    (">>", 8),
    ("<", 7),
    (">", 7),
    ("+", 9),
    ("-", 9),
    ("*", 10),
    ("/", 10),
    ("%", 10),
];

/// The number that `text` computes, if all of it is known; the last of several.
pub(super) fn evaluate(text: &str, numbers: &mut impl Numbers) -> Option<i64> {
    let mut last = None;
    for part in text.split(',').take(64) {
        let mut parser = Parser { rest: part, depth: 0, numbers };
        last = parser.expression(0);
        if !parser.rest.trim().is_empty() {
            last = None;
        }
    }
    last
}

impl<N: Numbers> Parser<'_, N> {
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expression(&mut self, least: u8) -> Option<i64> {
        if self.depth >= DEPTH {
            self.rest = "";
            return None;
        }
        self.depth += 1;
        let mut left = self.operand();
        loop {
            self.rest = self.rest.trim_start();
            let Some((operator, level)) = BINARY.iter().find(|(operator, _)| self.rest.starts_with(operator)) else {
                break;
            };
            if *level < least {
                break;
            }
            self.rest = self.rest.strip_prefix(operator).unwrap_or("");
            let right = self.expression(level + 1);
            left = left.zip(right).and_then(|(a, b)| compute(operator, a, b));
        }
        if least == 0 && self.take("?") {
            let yes = self.expression(0);
            let no = if self.take(":") { self.expression(0) } else { None };
            left = left.and_then(|condition| if condition != 0 { yes } else { no });
        }
        self.depth -= 1;
        left
    }

    fn operand(&mut self) -> Option<i64> {
        for (token, step) in [("++", 1), ("--", -1)] {
            if self.take(token) {
                let (name, index) = self.name()?;
                let value = self.numbers.number(&name, index).map(|value| value.wrapping_add(step));
                self.numbers.assign(&name, value);
                return value;
            }
        }
        if self.depth < DEPTH {
            for (token, apply) in [("!", not as fn(i64) -> i64), ("~", flip), ("-", negate), ("+", same)] {
                if self.take(token) {
                    self.depth += 1;
                    let value = self.operand().map(apply);
                    self.depth -= 1;
                    return value;
                }
            }
        }
        if self.take("(") {
            let value = self.expression(0);
            self.take(")");
            return value;
        }
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.literal();
        }
        let (name, index) = self.name()?;
        let value = self.numbers.number(&name, index);
        self.changed(&name, value)
    }

    fn literal(&mut self) -> Option<i64> {
        let length = self.rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        if let Some((base, digits)) = digits.split_once('#') {
            let base = base.parse().ok().filter(|base| (2..=36).contains(base))?;
            return i64::from_str_radix(digits, base).ok();
        }
        match (digits.strip_prefix("0x").or(digits.strip_prefix("0X")), digits.strip_prefix('0')) {
            (Some(hex), _) => i64::from_str_radix(hex, 16).ok(),
            (None, Some(octal)) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok(),
            _ => digits.parse().ok(),
        }
    }

    /// A variable, and the item of it.
    fn name(&mut self) -> Option<(String, Option<i64>)> {
        self.rest = self.rest.trim_start();
        let is_braced = self.rest.starts_with("${");
        let rest = self.rest.strip_prefix("${").or(self.rest.strip_prefix('$')).unwrap_or(self.rest);
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let (name, rest) = rest.split_at(length);
        if name.is_empty() {
            self.rest = "";
            return None;
        }
        self.rest = rest;
        let mut index = None;
        if self.rest.starts_with('[') {
            self.take("[");
            index = self.expression(0);
            self.take("]");
        }
        if is_braced {
            self.take("}");
        }
        Some((name.to_owned(), index))
    }

    /// Assignments after a variable.
    fn changed(&mut self, name: &str, value: Option<i64>) -> Option<i64> {
        for (token, step) in [("++", 1), ("--", -1)] {
            if self.take(token) {
                self.numbers.assign(name, value.map(|value| value.wrapping_add(step)));
                return value;
            }
        }
        self.rest = self.rest.trim_start();
        if self.rest.starts_with("==") {
            return value;
        }
        for token in ["<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "="] {
            if !self.take(token) {
                continue;
            }
            let right = self.expression(0);
            let operator = token.trim_end_matches('=');
            let new =
                if operator.is_empty() { right } else { value.zip(right).and_then(|(a, b)| compute(operator, a, b)) };
            self.numbers.assign(name, new);
            return new;
        }
        value
    }
}

fn not(value: i64) -> i64 {
    i64::from(value == 0)
}

fn flip(value: i64) -> i64 {
    !value
}

fn negate(value: i64) -> i64 {
    value.wrapping_neg()
}

fn same(value: i64) -> i64 {
    value
}

fn compute(operator: &str, a: i64, b: i64) -> Option<i64> {
    Some(match operator {
        "||" => i64::from(a != 0 || b != 0),
        "&&" => i64::from(a != 0 && b != 0),
        "|" => a | b,
        "^" => a ^ b,
        "&" => a & b,
        "==" => i64::from(a == b),
        "!=" => i64::from(a != b),
        "<=" => i64::from(a <= b),
        ">=" => i64::from(a >= b),
        "<" => i64::from(a < b),
        ">" => i64::from(a > b),
        "<<" => a.checked_shl(b.clamp(0, 63) as u32)?,
        ">>" => a.checked_shr(b.clamp(0, 63) as u32)?,
        "+" => a.wrapping_add(b),
        "-" => a.wrapping_sub(b),
        "*" => a.wrapping_mul(b),
        "/" => a.checked_div(b)?,
        "%" => a.checked_rem(b)?,
        _ => return None,
    })
}
