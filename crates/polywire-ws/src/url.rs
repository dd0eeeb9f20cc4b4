//! Addresses of WebSocket servers (RFC 6455 section 3).

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};

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
    pub(crate) fn default_port(self) -> u16 {
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
    /// As the peer is to see it: an IPv6 address in brackets, without its zone.
    host: String,
    port: u16,
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
                host: match addr.ip() {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                },
                port: addr.port(),
                path: "/".into(),
            }),
            RemoteAddr::Str(text) => parse(text),
        }
    }

    /// The address to connect to.
    pub fn remote_addr(&self) -> &RemoteAddr {
        &self.addr
    }

    /// The value of the `Host` header: without the port if that is the default (RFC 6455 section 4.1).
    pub(crate) fn host_header(&self, scheme: Scheme) -> String {
        match self.port == scheme.default_port() {
            true => self.host.clone(),
            false => self.authority(),
        }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether both are on one server, for browsers (RFC 6454 section 5), where both are of one scheme.
    pub(crate) fn is_on_host_of(&self, other: &Self) -> bool {
        self.server_key() == other.server_key()
    }

    /// What host and port are compared by: an IPv4 address mapped into IPv6 is that address.
    pub(crate) fn server_key(&self) -> String {
        // By its address: a zone is not in `host`, and leads elsewhere.
        match &self.addr {
            RemoteAddr::Socket(addr) if addr.ip().to_canonical().is_ipv4() => {
                SocketAddr::new(addr.ip().to_canonical(), addr.port()).to_string()
            }
            addr => addr.to_string().to_ascii_lowercase(),
        }
    }

    /// The same server by that scheme, with another path and query.
    pub(crate) fn with_path(&self, scheme: Scheme, path: String) -> Self {
        Self { scheme: Some(scheme), path, ..self.clone() }
    }

    /// The text of the server's address, of which [`parse`](Self::parse) makes the same server.
    pub(crate) fn server(&self, scheme: Scheme) -> RemoteAddr {
        let scheme = if scheme == Scheme::Wss { "wss" } else { "ws" };
        let server = match self.addr.string().rsplit_once(':') {
            // With a zone by its name, which the resolver wants without brackets.
            Some((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
            _ => self.addr.to_string(),
        };
        RemoteAddr::Str(format!("{scheme}://{}/", server.replace('%', "%25")))
    }

    /// As it was written.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// A `ws` URL where the configuration asks for TLS.
    #[cfg(feature = "__tls")]
    pub(crate) fn in_clear_text(&self) -> io::Error {
        let host = self.authority();
        let text = format!(
            "'ws://{host}' means clear text, and the configuration asks for TLS: nothing was sent; use wss://"
        );
        io::Error::new(io::ErrorKind::InvalidInput, text)
    }

    /// A `wss` URL where there is no TLS.
    #[cfg(not(feature = "__tls"))]
    pub(crate) fn without_tls(&self) -> io::Error {
        let host = self.authority();
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
        match bare.split_once('/') {
            Some(("" | "ws:" | "wss:", _)) => {
                return Err(malformed(text, "it has no ws:// and host"));
            }
            Some(_) => return Err(malformed(text, "what has a path begins with ws://")),
            None => {}
        }
        check_port(text, &bare)?;
        let authority = bare.parse().map_err(|error| malformed(text, error))?;
        return build((text, &zone), &authority, "/", None);
    };
    let authority = &bare[scheme.len() + "://".len()..];
    let scheme = scheme_of(text, scheme)?;
    check_port(text, authority.split(['/', '?']).next().unwrap_or_default())?;
    let uri: Uri = bare.parse().map_err(|error| malformed(text, error))?;
    let Some(authority) = uri.authority() else { return Err(malformed(text, "it has no host")) };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    build((text, &zone), authority, path, Some(scheme))
}

/// Takes the zone out of an IPv6 address in brackets: it means nothing to the peer, nor to a parser of
/// URLs. Brackets in a path or a query are the server's own.
fn without_zone(text: &str) -> (String, String) {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    let len = text[start..].find(['/', '?']).unwrap_or(text.len() - start);
    let (authority, rest) = text[start..].split_at(len);
    let found = || {
        let (before, inner) = authority.split_once('[')?;
        let (inner, after) = inner.split_once(']')?;
        let (address, zone) = inner.split_once('%')?;
        Some((format!("{before}[{address}]{after}"), zone))
    };
    let Some((bare, zone)) = found() else { return (text.into(), String::new()) };
    // RFC 6874: the percent sign itself is written `%25`.
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    (format!("{}{bare}{rest}", &text[..start]), zone.into())
}

/// Refuses what is no port of a host, which a parser of URLs says less well.
fn check_port(text: &str, authority: &str) -> io::Result<()> {
    match authority.rsplit_once(':') {
        Some(("", _)) => Err(malformed(text, "it has no host before the port")),
        Some((_, port)) if is_number(port) && port.parse::<u16>().is_err() => {
            Err(malformed(text, "the port is 1 to 65535"))
        }
        _ => Ok(()),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn scheme_of(text: &str, scheme: &str) -> io::Result<Scheme> {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Ok(Scheme::Ws),
        "wss" => Ok(Scheme::Wss),
        "http" => Err(malformed(text, "write ws:// for http://")),
        "https" => Err(malformed(text, "write wss:// for https://")),
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
    Ok(WsUrl { scheme, addr, host: host.into(), port, path: format!("{slash}{path}") })
}

fn malformed(text: &str, why: impl Display) -> io::Error {
    let text = format!(
        "'{}' is not the address of a WebSocket server ({why}): write it as ws://host[:port]/path",
        RemoteAddr::Str(text.into())
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
