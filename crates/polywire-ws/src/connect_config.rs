//! How to connect.

use std::io;

use http::{HeaderName, HeaderValue};
use polywire_tcp::TcpConnectConfig;

use crate::handshake::check_token;
use crate::role::Role;
use crate::settings::{self, shared_methods};

/// Connects to WebSocket servers, with settings other than those of [`Ws`](crate::Ws).
///
/// ```
/// use polywire_ws::WsConnectConfig;
///
/// let config = WsConnectConfig::default()
///     .with_subprotocol("chat.v2")
///     .with_header("Authorization", "Bearer 1234")
///     .with_max_message_size(1 << 20);
/// assert_eq!(config.max_fragments, 131_072);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WsConnectConfig {
    /// Bytes a message may have at most, in both directions. Default: 64 MiB. A peer that announces
    /// more is disconnected with code 1009 and
    /// [`CloseReason::MessageTooLarge`](polywire_core::CloseReason).
    pub max_message_size: usize,
    /// Bytes a single received frame may have at most; a message may be cut into many.
    /// Default: 64 MiB. The peer is disconnected as for
    /// [`max_message_size`](Self::max_message_size).
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
    /// Headers added to the request, as name and value. Default: none. Those that the handshake
    /// itself is made of are refused by `connect`.
    pub headers: Vec<(String, String)>,
    /// Subprotocols to ask for, the preferred one first (RFC 6455 section 1.9). Default: none. If
    /// the server chooses none of them, connecting fails.
    pub subprotocols: Vec<String>,
    /// How the TCP connection is made.
    pub tcp: TcpConnectConfig,
}

impl Default for WsConnectConfig {
    fn default() -> Self {
        Self {
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            max_handshake_size: settings::MAX_HANDSHAKE_SIZE,
            text: false,
            headers: Vec::new(),
            subprotocols: Vec::new(),
            tcp: TcpConnectConfig::default(),
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

    /// Refuses what would not be a request of one piece.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.subprotocols.iter().try_for_each(|name| check_token(name))?;
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))
    }
}

fn check_header(name: &str, value: &str) -> io::Result<()> {
    let why = match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        (Ok(name), Ok(_)) if is_reserved(name.as_str()) => "the handshake sets it itself",
        (Ok(_), Ok(_)) => return Ok(()),
        (Err(_), _) => "it is not a valid name",
        (_, Err(_)) => "its value has characters that a header cannot carry",
    };
    let text = format!("the header '{name}' cannot be sent: {why}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
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
    fn subprotocols_are_tokens() {
        let check = |name| WsConnectConfig::default().with_subprotocol(name).check();
        assert!(check("chat.v2").is_ok());
        for name in ["", "a b", "a,b", "a\r\n", "größe"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
