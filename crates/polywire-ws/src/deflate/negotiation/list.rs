//! The value of `Sec-WebSocket-Extensions`: a list of names with parameters (RFC 6455 section 9.1).

use std::borrow::Cow;

/// One element of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    /// Names and values, in order.
    pub(super) parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The elements of one line, or `None` if it is malformed.
pub(super) fn parse(line: &str) -> Option<Vec<Extension<'_>>> {
    let mut scanner = Scanner(line);
    let mut list = Vec::new();
    loop {
        // RFC 9110 section 5.6.1.2: empty elements count for nothing.
        while scanner.eat(',') {}
        if scanner.is_at_end() {
            return Some(list);
        }
        list.push(scanner.extension()?);
        if !scanner.is_at_end() && !scanner.eat(',') {
            return None;
        }
    }
}

/// What is left of a line.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    /// Whether this comes next, which is then behind.
    fn eat(&mut self, separator: char) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(separator);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.eat(';') {
            let name = self.token()?;
            let value = if self.eat('=') { Some(self.value()?) } else { None };
            parameters.push((name, value));
        }
        Some(Extension { name, parameters })
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, in quotes or not.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if !self.eat('"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(chars.next()?),
                other => value.push(other),
            }
        }
        self.0 = chars.as_str();
        Some(Cow::Owned(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list as it is written with no more than it needs.
    fn shown(line: &str) -> Option<String> {
        let element = |extension: &Extension<'_>| {
            let parameters = extension.parameters.iter().map(|(name, value)| match value {
                Some(value) => format!(";{name}={value}"),
                None => format!(";{name}"),
            });
            extension.name.to_owned() + &parameters.collect::<String>()
        };
        Some(parse(line)?.iter().map(element).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn lists_are_read_as_written() {
        for (line, expected) in [
            ("", ""),
            (" , ,", ""),
            ("a", "a"),
            ("a,b", "a,b"),
            (" a ;\tb = c ; d , e;f=\"g\" ,", "a;b=c;d,e;f=g"),
            ("a;b=\"c,d;e=\\\"f\\\\\", g", "a;b=c,d;e=\"f\\,g"),
            ("a;b=\"\"", "a;b="),
        ] {
            assert_eq!(shown(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for line in [
            "a b",
            "a;",
            "a;=b",
            "a;b=",
            ";a",
            "=",
            "a;b=\"c",
            "a;b=\"c\\",
            "a;b=\"c\"d",
            "é",
            "a=b",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
