//! How to connect.

use std::fmt;
use std::io;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use polywire_tcp::TcpConnectConfig;

use crate::authorization::Authorization;
use crate::handshake::check_token;
use crate::http_proxy::HttpProxy;
use crate::role::Role;
use crate::settings::{self, shared_methods};
use crate::url::{Scheme, WsUrl};

/// Connects to WebSocket servers, with settings other than those of [`Ws`](crate::Ws).
///
/// What cannot be sent is an error of `connect`, before a socket is opened. `Debug` shows no secrets. What a server
/// answered is [`WsResponse`](crate::WsResponse), or [`WsRefusal`](crate::WsRefusal) where it refused.
///
/// ```
/// use polywire_ws::WsConnectConfig;
///
/// let config = WsConnectConfig::default()
///     .with_subprotocol("chat.v2")
///     .with_bearer("1234")
///     .with_cookie("lang", "en")
///     .with_max_message_size(1 << 20);
/// assert_eq!(config.max_fragments, 131_072);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct WsConnectConfig {
    /// Bytes a message may have at most, in both directions. Default: 64 MiB. A peer that announces
    /// more is disconnected with code 1009 and
    /// [`CloseReason::MessageTooLarge`](polywire_core::CloseReason). 0 is an error.
    pub max_message_size: usize,
    /// Bytes a single received frame may have at most; a message may be cut into many.
    /// Default: 64 MiB. The peer is disconnected as for
    /// [`max_message_size`](Self::max_message_size). While it is compressed, a frame or a message may be longer by an
    /// eighth: not all gets shorter.
    pub max_frame_size: usize,
    /// Frames a received message may be cut into at most, empty ones included but for the last. Default:
    /// 131,072.
    /// A peer that sends more is disconnected with code 1008.
    pub max_fragments: usize,
    /// Bytes the head of the peer's HTTP answer may have at most. Default: 16 KiB.
    pub max_handshake_size: usize,
    /// Whether messages that are valid UTF-8 are sent as text frames, which browsers hand out as
    /// strings, until the peer has sent a message; from then on `send` answers in the kind of its last one,
    /// and `send_as` chooses. Default: no, they are binary. Messages of both kinds are received in any case.
    pub text: bool,
    /// Whether messages come and go in pieces: without end, in constant memory. Default: no.
    ///
    /// Each fragment of a message is delivered as it comes, and a frame of more than 64 KiB in the pieces in
    /// which it is read. [`message_kind`](polywire_core::network::NetworkController::message_kind) tells
    /// [`TEXT_START`](crate::TEXT_START) or [`BINARY_START`](crate::BINARY_START), [`CONTINUATION`](crate::CONTINUATION),
    /// and [`CONTINUATION_END`](crate::CONTINUATION_END); a message that comes whole keeps `TEXT` or `BINARY`. The pieces of a
    /// text may cut characters; all of them together are UTF-8. [`max_message_size`](Self::max_message_size)
    /// then bounds a piece; the length of a message, [`max_frame_size`](Self::max_frame_size) and
    /// [`max_fragments`](Self::max_fragments) are not bounded. Inside a frame
    /// [`message_timeout`](polywire_core::Limits::message_timeout) holds for the next byte of it, between fragments only
    /// [`idle_timeout`](polywire_core::Limits::idle_timeout).
    ///
    /// A message is sent in the same way: `send_as` with the kind of its first piece, then those of the others.
    /// [`SendStatus::InvalidMessage`](polywire_core::network::SendStatus) is the answer to a piece out of order, and to
    /// another message before the last piece. Send a message in pieces from one thread, and let no other thread
    /// send to the endpoint meanwhile: one that sends in the very moment in which a message begins may come
    /// between its pieces, which ends the connection. Pieces are not compressed: `deflate` beside this is an error.
    pub fragments: bool,
    /// Time after which this side closes a connection with code 1001 and
    /// [`CloseReason::MaxLifetime`](polywire_core::CloseReason), from when it is ready: up to a tenth earlier, each by a
    /// part of its own, so that not all go at once. Default: `None`, never. A
    /// [`Reconnecting`](polywire_core::Reconnecting) client connects again.
    pub max_lifetime: Option<Duration>,
    /// Headers added to the request, as name and value. Default: none. Those that the handshake
    /// itself is made of are refused by `connect`.
    pub headers: Vec<(String, String)>,
    /// Subprotocols to ask for, the preferred one first (RFC 6455 section 1.9). Default: none. If
    /// the server chooses none of them, connecting fails.
    pub subprotocols: Vec<String>,
    /// The origin to name, such as `https://example.org` (RFC 6455 section 4.1, item 8): servers for browsers may
    /// want one. Default: none.
    pub origin: Option<String>,
    /// Who asks. Default: nobody.
    pub authorization: Option<Authorization>,
    /// Cookies to send, as name and value (RFC 6265). Default: none.
    pub cookies: Vec<(String, String)>,
    /// How many redirects (301, 302, 303, 307, 308) are followed. Default: 0, which tells each as a refusal.
    ///
    /// The program sees one connection: what it has sent waits for the last server, and the endpoint has that
    /// server's address once it is connected. `http` and `https` in a `Location` mean `ws` and `wss`. From `wss` to `ws` none
    /// is followed, nor to where the connection has been. At another scheme, host or port than the one before,
    /// [`authorization`](Self::authorization), [`cookies`](Self::cookies) and those of [`headers`](Self::headers)
    /// that may be credentials are left out from then on: all but `User-Agent`, `Accept`, `Accept-Encoding`,
    /// `Accept-Language`, `Cache-Control`, `DNT`, `Origin` and `Pragma`. Subprotocols are asked for everywhere, so put no
    /// secret there. The certificate of this side, if TLS has one, is shown
    /// to each server that asks.
    ///
    /// [`Limits::handshake_timeout`](polywire_core::Limits::handshake_timeout) counts from the first handshake to the
    /// end of the last, connecting to further servers included: their addresses are tried in turn as they fail, but one
    /// that is silent uses that time up. Works with `connect`, `connect_sync`, inside the callback, and under
    /// [`Reconnecting`](polywire_core::reconnect::Reconnecting), where each attempt begins at the first address. A stream given by
    /// [`TcpConnectConfig::with_stream`] can't be opened elsewhere: being sent to another server then is an error.
    pub max_redirects: usize,
    /// The HTTP proxy to connect through, by `CONNECT` (RFC 9110 section 9.3.6), as
    /// `http://[user[:password]@]host[:port]`, port 80 by default; what is special in a user or a password is
    /// percent-encoded. Default: none.
    ///
    /// The proxy looks the server's name up. TLS goes through it, from end to end; the proxy itself is spoken to in
    /// clear text. The endpoint shows the proxy's address. A proxy that answers other than 2xx ends the
    /// connection with [`ProxyRefusal`](crate::ProxyRefusal); the head of its answer may have
    /// [`max_handshake_size`](Self::max_handshake_size) bytes, and it counts towards the handshake timeout.
    pub http_proxy: Option<String>,
    /// Whether and how messages are compressed, if the server agrees to it (permessage-deflate, RFC 7692). Default: they are
    /// not. Beside [`fragments`](Self::fragments) it is an error of `connect`.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::Deflate>,
    /// How the TCP connection is made.
    pub tcp: TcpConnectConfig,
    /// The idle timeout in `tcp` that `with_ping_interval` has set.
    pub(crate) ping_timeout: Option<Duration>,
}

impl Default for WsConnectConfig {
    fn default() -> Self {
        Self {
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            max_handshake_size: settings::MAX_HANDSHAKE_SIZE,
            text: false,
            fragments: false,
            #[cfg(feature = "deflate")]
            deflate: None,
            max_lifetime: None,
            headers: Vec::new(),
            subprotocols: Vec::new(),
            origin: None,
            authorization: None,
            cookies: Vec::new(),
            max_redirects: 0,
            http_proxy: None,
            tcp: TcpConnectConfig::default(),
            ping_timeout: None,
        }
    }
}

impl WsConnectConfig {
    shared_methods!(TcpConnectConfig, TlsConnectConfig, Role::Client);

    /// Adds to [`Self::headers`].
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether something is kept of the connection.
    fn keeps_facts(&self) -> bool {
        true
    }

    /// Sets [`Self::origin`].
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Sets [`Self::authorization`] to a user and a password, in UTF-8; the user has no colon in it.
    #[must_use]
    pub fn with_basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let (user, password) = (user.into(), password.into());
        self.authorization = Some(Authorization::Basic { user, password });
        self
    }

    /// Sets [`Self::authorization`] to a token: printable ASCII.
    #[must_use]
    pub fn with_bearer(mut self, token: impl Into<String>) -> Self {
        self.authorization = Some(Authorization::Bearer(token.into()));
        self
    }

    /// Adds to [`Self::cookies`].
    #[must_use]
    pub fn with_cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.cookies.push((name.into(), value.into()));
        self
    }

    /// Sets [`Self::max_redirects`].
    #[must_use]
    pub fn with_max_redirects(mut self, redirects: usize) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Sets [`Self::http_proxy`].
    #[must_use]
    pub fn with_http_proxy(mut self, proxy: impl Into<String>) -> Self {
        self.http_proxy = Some(proxy.into());
        self
    }

    /// That of `url`, or where none is written, as TLS is configured or not.
    pub(crate) fn scheme_of(&self, url: &WsUrl) -> Scheme {
        #[cfg(feature = "__tls")]
        let default = if self.tcp.tls.is_some() { Scheme::Wss } else { Scheme::Ws };
        #[cfg(not(feature = "__tls"))]
        let default = Scheme::Ws;
        url.scheme().unwrap_or(default)
    }

    /// Refuses what would not be a request of one piece.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.check_shared()?;
        check_unique(&self.subprotocols)?;
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        self.cookies.iter().try_for_each(|(name, value)| check_cookie(name, value))?;
        self.authorization.as_ref().map_or(Ok(()), Authorization::check)?;
        if let Some(origin) = &self.origin {
            if origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(invalid("an origin is as in https://example.org: printable ASCII"));
            }
        }
        for (name, is_set) in [
            ("Origin", self.origin.is_some()),
            ("Authorization", self.authorization.is_some()),
            ("Cookie", !self.cookies.is_empty()),
        ] {
            if is_set && self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(invalid(&format!("the header '{name}' is set twice: leave one out")));
            }
        }
        self.http_proxy.as_deref().map_or(Ok(()), |proxy| HttpProxy::parse(proxy).map(drop))
    }
}

/// Of headers and cookies the names alone.
impl fmt::Debug for WsConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        let proxy = self.http_proxy.as_deref().map(HttpProxy::parse);
        f.debug_struct("WsConnectConfig")
            .field("max_message_size", &self.max_message_size)
            .field("max_frame_size", &self.max_frame_size)
            .field("max_fragments", &self.max_fragments)
            .field("max_handshake_size", &self.max_handshake_size)
            .field("text", &self.text)
            .field("headers", &names(&self.headers))
            .field("subprotocols", &self.subprotocols)
            .field("origin", &self.origin)
            .field("authorization", &self.authorization)
            .field("cookies", &names(&self.cookies))
            .field("max_redirects", &self.max_redirects)
            .field("http_proxy", &proxy)
            .field("tcp", &self.tcp)
            .finish()
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Refuses a subprotocol that is asked for twice (RFC 6455 section 4.1, item 10).
fn check_unique(subprotocols: &[String]) -> io::Result<()> {
    for (at, name) in subprotocols.iter().enumerate() {
        if subprotocols[..at].contains(name) {
            let text = format!("the subprotocol '{name}' is asked for twice: leave one out");
            return Err(invalid(&text));
        }
    }
    Ok(())
}

/// RFC 6265 section 4.1.1. The error does not tell the value.
fn check_cookie(name: &str, value: &str) -> io::Result<()> {
    let is_octet = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let why = match (check_token(name), bare.bytes().all(is_octet)) {
        (Ok(()), true) => return Ok(()),
        (Err(_), _) => "its name is not a token: use printable ASCII without separators",
        (_, false) => {
            "its value has spaces, quotes, commas, semicolons or what is not ASCII: encode it"
        }
    };
    Err(invalid(&format!("the cookie '{name}' cannot be sent: {why}")))
}

fn check_header(name: &str, value: &str) -> io::Result<()> {
    let why = match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        (Ok(name), Ok(_)) if is_reserved(name.as_str()) => "the handshake sets it itself",
        (Ok(_), Ok(_)) => return Ok(()),
        (Err(_), _) => "it is not a valid name",
        (_, Err(_)) => "its value has characters that a header cannot carry",
    };
    Err(invalid(&format!("the header '{name}' cannot be sent: {why}")))
}

/// Whether the header, in lower case, belongs to the handshake or frames the request.
fn is_reserved(name: &str) -> bool {
    let own = ["host", "connection", "upgrade", "content-length", "transfer-encoding"];
    own.contains(&name) || name.starts_with("sec-websocket-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_would_break_the_request_are_refused() {
        let check = |name, value| WsConnectConfig::default().with_header(name, value).check();
        assert!(check("Authorization", "Bearer 1234").is_ok());
        for (name, value) in [
            ("", "x"),
            ("A B", "x"),
            ("A", "x\r\nB: y"),
            ("host", "x"),
            ("Upgrade", "x"),
            ("Sec-WebSocket-Key", "x"),
            ("Content-Length", "5"),
        ] {
            let error = check(name, value).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_name() {
        let config = WsConnectConfig::default;
        for good in [
            config().with_cookie("a", "b=c").with_cookie("__Host-x", "\"quoted\""),
            config().with_origin("https://example.org:8443").with_header("User-Agent", "x"),
            config().with_basic_auth("user", "pass word").with_cookie("a", ""),
            config().with_bearer("abc.def-_~+/=").with_http_proxy("http://a:b@proxy:3128"),
        ] {
            good.check().unwrap();
        }
        for (bad, word) in [
            (config().with_cookie("a b", "secret"), "'a b'"),
            (config().with_cookie("a", "secret; b=c"), "'a'"),
            (config().with_cookie("a", "secret\r\nX: y"), "'a'"),
            (config().with_origin("a\r\nb"), "origin"),
            (config().with_origin(""), "origin"),
            (config().with_bearer("secret secret"), "token"),
            (config().with_basic_auth("a:b", "secret"), "colon"),
            (config().with_bearer("secret").with_header("authorization", "secret"), "twice"),
            (config().with_cookie("a", "secret").with_header("COOKIE", "secret"), "twice"),
            (config().with_origin("https://a").with_header("Origin", "https://b"), "twice"),
            (config().with_http_proxy("https://a:secret@proxy"), "proxy"),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            let text = error.to_string();
            assert!(text.contains(word) && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secrets() {
        let config = WsConnectConfig::default()
            .with_header("X-Api-Key", "secret")
            .with_cookie("session", "secret")
            .with_http_proxy("http://user:secret@proxy:3128");
        for config in [
            config.clone().with_bearer("secret"),
            config.clone().with_basic_auth("user", "secret"),
            config.with_http_proxy("https://user:secret@proxy"),
        ] {
            let text = format!("{config:?}");
            assert!(text.contains("X-Api-Key") && text.contains("session"), "{text}");
            assert!(text.contains("proxy") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_subprotocol_is_asked_for_once() {
        let config = WsConnectConfig::default().with_subprotocol("a").with_subprotocol("b");
        assert!(config.clone().with_subprotocol("A").check().is_ok());
        let error = config.with_subprotocol("a").check().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("'a'"), "{error}");
    }

    #[test]
    fn subprotocols_are_tokens() {
        let check = |name| WsConnectConfig::default().with_subprotocol(name).check();
        assert!(check("chat.v2").is_ok());
        for name in ["", "a b", "a,b", "a\r\n", "größe"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
