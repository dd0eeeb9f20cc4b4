//! What stands in the query, as forms and `URLSearchParams` write it (WHATWG URL section 5).

use crate::percent;
use crate::request::WsRequest;

impl WsRequest {
    /// The value of `name` in the query, percent-decoded, with `+` as a space: `ann lee` of `?name=ann+lee`. The first of
    /// several; `None` if there is none, or it is not UTF-8.
    pub fn query_param(&self, name: &str) -> Option<String> {
        let mut pairs = self.query()?.split('&').map(|it| it.split_once('=').unwrap_or((it, "")));
        decode(pairs.find(|(other, _)| decode(other).as_deref() == Some(name))?.1)
    }
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(percent::decode(&text.replace('+', " "))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_browsers_encode_them() {
        let value = |query: &str, name| {
            let mut request = WsRequest::for_tests();
            request.uri = format!("/chat?{query}").parse().unwrap();
            request.query_param(name)
        };
        for (query, expected) in [
            ("name=ann", Some("ann")),
            ("room=1&name=ann+lee&name=bob", Some("ann lee")),
            ("n%61me=%C3%A9%2B%26", Some("\u{e9}+&")),
            ("name", Some("")),
            ("name=", Some("")),
            ("name=a=b", Some("a=b")),
            ("name=%ff", None),
            ("name=%4", None),
            ("NAME=ann", None),
            ("", None),
        ] {
            assert_eq!(value(query, "name").as_deref(), expected, "{query}");
        }
    }
}
