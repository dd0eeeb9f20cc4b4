//! Who a client says it is: the `Authorization` header (RFC 9110 section 11.6.2).

use http::header::AUTHORIZATION;

use crate::request::WsRequest;

impl WsRequest {
    /// The token of `Authorization: Bearer` (RFC 6750 section 2.1). A page in a browser can't send it: a WebSocket
    /// connection of one has cookies, subprotocols and the URL alone.
    pub fn bearer(&self) -> Option<&str> {
        self.credentials("bearer")
    }

    /// User and password of `Authorization: Basic` (RFC 7617), if these are UTF-8.
    pub fn basic(&self) -> Option<(String, String)> {
        let decoded = String::from_utf8(decode_base64(self.credentials("basic")?)?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// What stands behind the name of the scheme, which is in lower case. `None` where there are several headers.
    fn credentials(&self, scheme: &str) -> Option<&str> {
        let mut lines = self.headers.get_all(AUTHORIZATION).iter();
        let line = lines.next().filter(|_| lines.next().is_none())?.to_str().ok()?;
        let (name, credentials) = line.split_once(' ')?;
        name.eq_ignore_ascii_case(scheme).then(|| credentials.trim()).filter(|it| !it.is_empty())
    }
}

/// Decodes base64 (RFC 4648 section 4), with its padding or without.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let is_padded_well = digits.len() == text.len() || text.len() % 4 == 0;
    if !is_padded_well || digits.len() % 4 == 1 {
        return None;
    }
    let mut decoded = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            bits = bits << 6 | group.get(at).map_or(Some(0), |digit| value_of(*digit))?;
        }
        decoded.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(decoded)
}

fn value_of(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_as_the_rfc_has_it() {
        // RFC 4648 section 10.
        for (text, decoded) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("Zm9vYmE=", b"fooba"),
            ("Zm9vYmFy", b"foobar"),
            ("Zm9vYg", b"foob"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(decoded), "{text}");
        }
        for text in ["Z", "Zm9vY", "Zm9v=", "Zg=", "Zm-v", "Z===", "Zm9v Zg==", "=", "é"] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }
}
