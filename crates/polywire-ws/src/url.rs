//! Addresses of WebSocket servers (RFC 6455 section 3).

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;
use polywire_core::address::{RemoteAddr, ToRemoteAddr};

/// The two that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// In clear text.
    Ws,
    /// Over TLS.
    Wss,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// Where to connect to, and what to ask for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsUrl {
    /// `None` where none was written.
    scheme: Option<Scheme>,
    addr: RemoteAddr,
    host: String,
    path: String,
}

impl WsUrl {
    /// Understands `ws://host[:port][/path][?query]`, and the same with `wss`; port 80, or 443, and path `/`
    /// are the defaults, and an IPv6 address stands in brackets. A socket address or `host:port` means
    /// `ws://host:port/`, or `wss` where the configuration asks for TLS.
    ///
    /// The zone of a link-local IPv6 address is written as in `[fe80::1%eth0]`, or as RFC 6874 has it for
    /// URLs, `[fe80::1%25eth0]`; by its number or its name.
    ///
    /// Nothing is looked up and no socket is opened. Errors tell neither the query nor a user name and
    /// password, which are nobody else's business.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for another scheme, for what is no URL at all, and
    /// for a user name or a fragment in it.
    pub fn parse(address: &RemoteAddr) -> io::Result<Self> {
        match address {
            RemoteAddr::Socket(addr) => Ok(Self {
                scheme: None,
                addr: RemoteAddr::Socket(*addr),
                // Without the scope of an IPv6 address, which means nothing to the peer.
                host: SocketAddr::new(addr.ip(), addr.port()).to_string(),
                path: "/".into(),
            }),
            RemoteAddr::Str(text) => parse(text),
        }
    }

    /// The address to connect to.
    pub fn remote_addr(&self) -> &RemoteAddr {
        &self.addr
    }

    /// The value of the `Host` header.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// As it was written.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// A `ws` URL where the configuration asks for TLS.
    #[cfg(feature = "__tls")]
    pub(crate) fn in_clear_text(&self) -> io::Error {
        let host = &self.host;
        let text = format!(
            "'ws://{host}' means clear text, and the configuration asks for TLS: nothing was sent; use wss://"
        );
        io::Error::new(io::ErrorKind::InvalidInput, text)
    }

    /// A `wss` URL where there is no TLS.
    #[cfg(not(feature = "__tls"))]
    pub(crate) fn without_tls(&self) -> io::Error {
        let host = &self.host;
        let text = format!(
            "'wss://{host}' needs TLS, which this build does not have: nothing was sent; turn on the \
             feature `tls`, or use ws:// where clear text will do"
        );
        io::Error::new(io::ErrorKind::Unsupported, text)
    }

    /// Path and query.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

fn parse(text: &str) -> io::Result<WsUrl> {
    // What is not printable ASCII has no place in a URL and could forge lines of the request.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(malformed(text, "percent-encode what is not printable ASCII"));
    }
    if text.contains('#') {
        return Err(malformed(text, "leave out the '#' and what follows it"));
    }
    let (bare, zone) = without_zone(text);
    let Some((scheme, _)) = bare.split_once("://") else {
        let authority = bare.parse().map_err(|error| malformed(text, error))?;
        return build((text, &zone), &authority, "/", None);
    };
    let scheme = scheme_of(text, scheme)?;
    let uri: Uri = bare.parse().map_err(|error| malformed(text, error))?;
    let Some(authority) = uri.authority() else { return Err(malformed(text, "it has no host")) };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    build((text, &zone), authority, path, Some(scheme))
}

/// Takes the zone out of an IPv6 address in brackets: it means nothing to the peer, nor to a parser of
/// URLs.
fn without_zone(text: &str) -> (String, String) {
    let found = || {
        let open = text.find('[')?;
        let len = text[open..].find(']')?;
        let percent = open + text[open..open + len].find('%')?;
        Some((percent, open + len))
    };
    let Some((percent, close)) = found() else { return (text.into(), String::new()) };
    let zone = &text[percent + 1..close];
    // RFC 6874: the percent sign itself is written `%25`.
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    (format!("{}{}", &text[..percent], &text[close..]), zone.into())
}

fn scheme_of(text: &str, scheme: &str) -> io::Result<Scheme> {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Ok(Scheme::Ws),
        "wss" => Ok(Scheme::Wss),
        _ => Err(malformed(text, format!("the scheme '{scheme}' is neither ws nor wss"))),
    }
}

fn build(
    (text, zone): (&str, &str),
    authority: &Authority,
    path: &str,
    scheme: Option<Scheme>,
) -> io::Result<WsUrl> {
    let host = authority.host();
    let written = match authority.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.into(),
    };
    if host.is_empty() || authority.as_str() != written {
        return Err(malformed(text, "a host and a port are all that may stand before the path"));
    }
    let Some(port) = authority.port_u16().or_else(|| scheme.map(Scheme::default_port)) else {
        return Err(malformed(text, "it has no port"));
    };
    let addr = match (zone, host.strip_suffix(']')) {
        ("", _) | (_, None) => format!("{host}:{port}"),
        (zone, Some(host)) => format!("{host}%{zone}]:{port}"),
    };
    let addr = match addr.to_remote_addr()? {
        // A zone by its name, for the resolver.
        RemoteAddr::Str(text) => RemoteAddr::Str(text.replace(['[', ']'], "")),
        addr => addr,
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(WsUrl { scheme, addr, host: written, path: format!("{slash}{path}") })
}

fn malformed(text: &str, why: impl Display) -> io::Error {
    let text = format!(
        "'{}' is not the address of a WebSocket server ({why}): write it as ws://host[:port]/path",
        RemoteAddr::Str(text.into())
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> io::Result<(String, String, String)> {
        let url = WsUrl::parse(&text.to_remote_addr().unwrap())?;
        Ok((url.addr.to_string(), url.host, url.path))
    }

    #[test]
    fn an_address_gives_host_port_and_path() {
        for (text, addr, host, path) in [
            ("ws://example.org", "example.org:80", "example.org", "/"),
            ("WS://example.org:81/chat?a=b", "example.org:81", "example.org:81", "/chat?a=b"),
            ("ws://example.org?a=b", "example.org:80", "example.org", "/?a=b"),
            ("ws://127.0.0.1:3042/x", "127.0.0.1:3042", "127.0.0.1:3042", "/x"),
            ("ws://[::1]:81/", "[::1]:81", "[::1]:81", "/"),
            ("ws://[::1]", "[::1]:80", "[::1]", "/"),
            ("127.0.0.1:3042", "127.0.0.1:3042", "127.0.0.1:3042", "/"),
            ("[::1]:3042", "[::1]:3042", "[::1]:3042", "/"),
            ("localhost:3042", "localhost:3042", "localhost:3042", "/"),
        ] {
            let expected = (addr.into(), host.into(), path.into());
            assert_eq!(parsed(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_ip_address_needs_no_look_up() {
        let url = WsUrl::parse(&RemoteAddr::Str("ws://[::1]:81/".into())).unwrap();
        assert!(url.remote_addr().is_socket_addr());
    }

    #[test]
    fn secure_addresses_have_a_port_of_their_own() {
        let url = |text: &str| WsUrl::parse(&text.to_remote_addr().unwrap()).unwrap();
        let secure = url("WSS://example.org/a?b");
        assert_eq!(secure.scheme(), Some(Scheme::Wss));
        assert_eq!(secure.remote_addr().to_string(), "example.org:443");
        assert_eq!((secure.host(), secure.path()), ("example.org", "/a?b"));
        assert_eq!(url("ws://example.org").scheme(), Some(Scheme::Ws));
        assert_eq!(url("example.org:80").scheme(), None);
    }

    #[test]
    fn no_error_tells_a_query_or_who_asks() {
        for text in [
            "wss://h:x/?token=secret",
            "wss://secret@h/",
            "ws://user:secret@h:80/path?token=secret",
            "user:secret@h:80",
            "http://h/?secret",
            "ws://h/#secret",
            "ws://h:70000/?a=/secret@",
            "ws://h/a b?secret",
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
            assert!(error.contains("h"), "{error}");
        }
    }

    #[test]
    fn the_zone_of_an_ipv6_address_is_this_side_s_alone() {
        let url = |text: &str| WsUrl::parse(&text.to_remote_addr().unwrap()).unwrap();
        for text in ["ws://[fe80::1%3]:81/", "ws://[fe80::1%253]:81/", "[fe80::1%3]:81"] {
            let url = url(text);
            assert_eq!(url.host(), "[fe80::1]:81", "{text}");
            let RemoteAddr::Socket(SocketAddr::V6(addr)) = url.remote_addr() else {
                panic!("{text}")
            };
            assert_eq!(addr.scope_id(), 3, "{text}");
        }
        for text in ["ws://[fe80::1%lo]:81/", "ws://[fe80::1%25lo]:81/"] {
            let url = url(text);
            assert_eq!((url.host(), url.path()), ("[fe80::1]:81", "/"));
            #[cfg(target_os = "linux")]
            {
                let addrs = url.remote_addr().resolve().unwrap();
                assert!(
                    matches!(addrs[0], SocketAddr::V6(addr) if addr.scope_id() == 1),
                    "{addrs:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_address_is_an_error_that_says_how_to_write_one() {
        for text in [
            "",
            "not a url",
            "localhost",
            "localhost:",
            ":80",
            "localhost:70000",
            "://x",
            "http://example.org/",
            "ftp://x",
            "ws://",
            "ws:///path",
            "ws://:80/",
            "ws://h:70000/",
            "ws://h:/",
            "ws://user@h/",
            "ws://user:pw@h:80/",
            "user@h:80",
            "ws://h/#fragment",
            "ws://h/a b",
            "ws://h/a\r\nX: y",
            "ws://h\0/",
            "ws://[::1/",
            "ws://[::1]x:80/",
            "ws://größe/",
            "host:80/path",
        ] {
            let error = parsed(text).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
            assert!(error.to_string().contains("ws://host"), "{text}: {error}");
        }
    }
}
