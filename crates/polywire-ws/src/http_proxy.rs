//! The HTTP proxy that connections go through.

use std::fmt;
use std::io;

use http::uri::Authority;
use polywire_core::address::{RemoteAddr, ToRemoteAddr};

use crate::authorization::Authorization;

/// The port of `http` URLs.
const DEFAULT_PORT: u16 = 80;

/// Where the proxy is, and who asks it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpProxy {
    pub(crate) addr: RemoteAddr,
    pub(crate) authorization: Option<Authorization>,
}

impl HttpProxy {
    /// Understands `http://[user[:password]@]host[:port][/]`; what is special in a user or a password is
    /// percent-encoded. Errors name neither.
    pub(crate) fn parse(text: &str) -> io::Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| malformed(text))?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(malformed(text));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let authority: Authority = host.parse().map_err(|_| malformed(text))?;
        let port = authority.port_u16();
        let written = match port {
            Some(port) => format!("{}:{port}", authority.host()),
            None => authority.host().into(),
        };
        if authority.host().is_empty() || authority.as_str() != written {
            return Err(malformed(text));
        }
        let addr = format!("{}:{}", authority.host(), port.unwrap_or(DEFAULT_PORT));
        let authorization = user.map(|user| credentials(user).ok_or_else(|| malformed(text)));
        let authorization = authorization.transpose()?;
        if let Some(authorization) = &authorization {
            authorization.check()?;
        }
        Ok(Self { addr: addr.to_remote_addr()?, authorization })
    }
}

fn credentials(text: &str) -> Option<Authorization> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Some(Authorization::Basic { user: decoded(user)?, password: decoded(password)? })
}

/// Undoes percent-encoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

fn malformed(text: &str) -> io::Error {
    let host = text.rsplit('@').next().unwrap_or_default();
    let text = format!(
        "'{host}' is not the address of an HTTP proxy: write it as http://[user:password@]host[:port]"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Without the password.
impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpProxy").field(&self.addr).field(&self.authorization).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_and_perhaps_a_port_and_a_user() {
        for (text, addr, header) in [
            ("http://proxy:3128", "proxy:3128", None),
            ("HTTP://proxy/", "proxy:80", None),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", None),
            ("http://[::1]:8080/", "[::1]:8080", None),
            ("http://a:b@proxy:1", "proxy:1", Some("Basic YTpi")),
            ("http://a@proxy", "proxy:80", Some("Basic YTo=")),
            ("http://a:%40%3a@proxy", "proxy:80", Some("Basic YTpAOg==")),
        ] {
            let proxy = HttpProxy::parse(text).unwrap();
            assert_eq!(proxy.addr.to_string(), addr, "{text}");
            let found = proxy.authorization.map(|it| it.header());
            assert_eq!(found.as_deref(), header, "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_an_error_that_tells_no_password() {
        for text in [
            "",
            "proxy:3128",
            "https://secret@proxy",
            "socks5://proxy",
            "http://",
            "http://:80",
            "http://proxy:70000",
            "http://proxy/path",
            "http://proxy?x",
            "http://pro xy",
            "http://secret:%4@proxy",
            "http://secret:%zz@proxy",
            "http://secret:%ff@proxy",
            "http://secret:%0d%0a@proxy",
            "http://secret%3a:x@proxy",
        ] {
            let error = HttpProxy::parse(text).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let proxy = HttpProxy::parse("http://a:secret@proxy").unwrap();
        assert!(!format!("{proxy:?}").contains("secret"));
    }
}
