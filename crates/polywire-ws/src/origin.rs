//! Origins of pages, and which of them may connect.

use std::io;
use std::net::Ipv6Addr;

/// An origin (RFC 6454 section 4): scheme and host in lower case, and the port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// Whose pages may connect.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedOrigins {
    listed: Vec<Origin>,
    /// Those of the server's own pages as well.
    own: bool,
    /// The server's own pages come by `https` alone.
    is_secure: bool,
}

impl AllowedOrigins {
    /// # Errors
    ///
    /// `InvalidInput` for what is no origin.
    pub(crate) fn new(origins: &[String], own: bool, is_secure: bool) -> io::Result<Self> {
        let listed = origins.iter().map(|text| parse(text).ok_or_else(|| refused(text)));
        Ok(Self { listed: listed.collect::<Result<_, _>>()?, own, is_secure })
    }

    /// Whether a page of that origin, as its browser sends it, may connect to the server that it calls `host`.
    pub(crate) fn allow(&self, origin: &str, host: &str) -> bool {
        let is_named = |origin: Origin| {
            // Without TLS here it may be ended by a proxy: then either scheme is the server's own.
            let scheme = if self.is_secure { "https" } else { &origin.scheme };
            let own = || parse(&format!("{scheme}://{host}"));
            self.listed.contains(&origin) || (self.own && own().as_ref() == Some(&origin))
        };
        self.allow_all() || parse(origin).is_some_and(is_named)
    }

    /// Whether any page may.
    pub(crate) fn allow_all(&self) -> bool {
        self.listed.is_empty() && !self.own
    }
}

fn refused(text: &str) -> io::Error {
    let text = format!(
        "'{}' is not an origin: write scheme and host, with the port if it is not that of the scheme, and \
         nothing behind, as in 'https://example.org' or 'http://localhost:8080'; 'null' is that of a page \
         without one",
        text.escape_default()
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn parse(text: &str) -> Option<Origin> {
    if text == "null" {
        return Some(Origin { scheme: text.to_owned(), host: String::new(), port: None });
    }
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_host = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\:*,".contains(&byte);
    let after_host = rest.find(']').map_or(0, |at| at + 1); // The colons of an IPv6 address are none of its port.
    let (host, port) = match rest[after_host..].find(':') {
        Some(at) => (&rest[..after_host + at], Some(&rest[after_host + at + 1..])),
        None => (rest, None),
    };
    let scheme = Some(scheme.to_ascii_lowercase()).filter(|it| it.bytes().all(is_scheme))?;
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match inner {
        Some(v6) => Some(host_of(v6.parse().ok()?)),
        None => Some(host.to_ascii_lowercase()).filter(|host| host.bytes().all(is_host)),
    }?;
    let is_default = |port: &u16| {
        matches!((scheme.as_str(), port), ("http" | "ws", 80) | ("https" | "wss", 443))
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?).filter(|port| !is_default(port))
        }
        Some(_) => return None,
        None => None,
    };
    let is_whole = !host.is_empty() && !scheme.is_empty();
    is_whole.then_some(Origin { host, port, scheme })
}

/// An address in the one way in which it is compared: an IPv4 address mapped into IPv6 is that address.
fn host_of(v6: Ipv6Addr) -> String {
    match v6.to_ipv4_mapped() {
        Some(v4) => v4.to_string(),
        None => format!("[{v6}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str]) -> AllowedOrigins {
        let origins: Vec<String> = origins.iter().map(|it| (*it).to_owned()).collect();
        AllowedOrigins::new(&origins, false, false).unwrap()
    }

    #[test]
    fn an_origin_is_the_same_in_any_case_and_with_its_own_port_alone() {
        let page = allowed(&["https://Example.org", "http://localhost:8080", "http://[::1]:81"]);
        for (origin, is_allowed) in [
            ("https://example.org", true),
            ("HTTPS://EXAMPLE.ORG", true),
            ("https://example.org:443", true),
            ("http://localhost:8080", true),
            ("http://[::1]:81", true),
            ("http://example.org", false),
            ("https://example.org:444", false),
            ("https://example.org:80", false),
            ("https://example.org.evil.com", false),
            ("https://evil-example.org", false),
            ("https://sub.example.org", false),
            ("https://example.org/", false),
            ("https://example.org@evil.com", false),
            ("https://example.org, https://evil.com", false),
            ("http://localhost", false),
            ("http://localhost:08080", true),
            ("http://localhost:+8080", false),
            ("http://localhost:", false),
            ("http://[::1]", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(page.allow(origin, "example.org"), is_allowed, "{origin}");
        }
        assert!(allowed(&["null"]).allow("null", ""));
        assert!(allowed(&["chrome-extension://abc"]).allow("chrome-extension://abc", ""));
        assert!(allowed(&[]).allow("anything", ""));
    }

    #[test]
    fn the_servers_own_pages_are_those_of_the_host_that_the_browser_names() {
        let own =
            AllowedOrigins::new(&["https://partner.example".to_owned()], true, false).unwrap();
        for (origin, host, is_allowed) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("http://localhost:8080", "LOCALHOST:8080", true),
            ("http://example.org", "example.org", true),
            ("http://example.org", "example.org:80", true),
            ("https://example.org", "example.org", true),
            ("https://example.org", "example.org:443", true),
            ("https://example.org", "example.org:80", false),
            ("http://[::1]:81", "[::1]:81", true),
            ("https://partner.example", "example.org", true),
            ("http://localhost:8081", "localhost:8080", false),
            ("http://evil.example", "example.org", false),
            ("http://evil.example", "", false),
            ("null", "null", false),
            ("null", "", false),
        ] {
            assert_eq!(own.allow(origin, host), is_allowed, "{origin} at {host}");
        }
    }

    #[test]
    fn the_own_pages_of_a_server_with_tls_are_those_by_https() {
        let own = AllowedOrigins::new(&["http://partner.example".to_owned()], true, true).unwrap();
        for (origin, host, is_allowed) in [
            ("https://localhost", "localhost", true),
            ("https://localhost", "localhost:443", true),
            ("https://localhost:8443", "localhost:8443", true),
            ("http://partner.example", "localhost", true),
            ("http://localhost", "localhost", false),
            ("http://localhost:443", "localhost:443", false),
            ("http://localhost:8443", "localhost:8443", false),
            ("ftp://localhost", "localhost", false),
        ] {
            assert_eq!(own.allow(origin, host), is_allowed, "{origin} at {host}");
        }
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let own = AllowedOrigins::new(&[], true, false).unwrap();
        for (origin, host, is_allowed) in [
            ("http://[::ffff:127.0.0.1]:81", "127.0.0.1:81", true),
            ("http://127.0.0.1:81", "[::ffff:7f00:1]:81", true),
            ("http://[0:0::1]", "[::1]:80", true),
            ("http://[::ffff:127.0.0.1]:81", "127.0.0.2:81", false),
            ("http://[::ffff:127.0.0.1]:81", "127.0.0.1:82", false),
            ("http://[::127.0.0.1]:81", "127.0.0.1:81", false), // Another kind, which nobody speaks.
            ("http://127.0.0.1:81", "[::1]:81", false),
        ] {
            assert_eq!(own.allow(origin, host), is_allowed, "{origin} at {host}");
        }
        let listed = allowed(&["http://[::ffff:192.0.2.1]"]);
        assert!(listed.allow("http://192.0.2.1", "") && !listed.allow("http://192.0.2.2", ""));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_to_write() {
        for text in [
            "",
            "*",
            "example.org",
            "https://",
            "https://*.example.org",
            "https://example.org/",
            "https://example.org:port",
            "https://example.org:70000",
            "https://a b",
            "https://[::1",
            "://example.org",
            "https://example.org\r\n",
        ] {
            let error = AllowedOrigins::new(&[text.to_owned()], false, false).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
            assert!(error.to_string().contains("https://example.org"), "{error}");
        }
    }
}
