//! Credentials in headers.

use std::fmt;
use std::io;

/// Who asks, in the header `Authorization`. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authorization {
    /// A user with a password (RFC 7617).
    Basic {
        /// The user, without a colon.
        user: String,
        /// The password.
        password: String,
    },
    /// A token (RFC 6750).
    Bearer(String),
}

impl Authorization {
    /// The value of the header.
    pub(crate) fn header(&self) -> String {
        match self {
            Self::Basic { user, password } => {
                format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        }
    }

    /// Refuses what the header can't carry; the error names no secret.
    pub(crate) fn check(&self) -> io::Result<()> {
        let text = match self {
            Self::Basic { user, .. } if user.contains(':') => "a user has no colon in it",
            Self::Basic { user, password } if has_control(user) || has_control(password) => {
                "a user and a password have no control characters in them"
            }
            Self::Bearer(token) if token.is_empty() || !token.bytes().all(is_graphic) => {
                "a bearer token is printable ASCII without spaces"
            }
            _ => return Ok(()),
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

fn is_graphic(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).map_or(0, |byte| usize::from(*byte));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            text.push(match digit <= group.len() {
                true => DIGITS[bits >> (18 - 6 * digit) & 63].into(),
                false => '=',
            });
        }
    }
    text
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn the_header_is_that_of_the_rfcs() {
        let basic = |user: &str, password: &str| Authorization::Basic {
            user: user.into(),
            password: password.into(),
        };
        let header = basic("Aladdin", "open sesame").header();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(Authorization::Bearer("abc".into()).header(), "Bearer abc");
        let refused = [
            basic("a:b", "secret"),
            basic("a\n", "secret"),
            basic("a", "secret\0"),
            Authorization::Bearer(String::new()),
            Authorization::Bearer("secret secret".into()),
            Authorization::Bearer("secret\r\n".into()),
        ];
        for one in refused {
            let error = one.check().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(!format!("{error} {one:?}").contains("secret"), "{error}");
        }
        assert!(basic("", "pass:wörd").check().is_ok());
    }
}
