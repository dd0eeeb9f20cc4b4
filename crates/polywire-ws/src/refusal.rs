//! What a server or a proxy answered that refused a connection.

use std::fmt;

use http::HeaderMap;
use polywire_core::bytes::Bytes;

/// What a server answered instead of the upgrade: the detail of
/// [`CloseReason::HandshakeRefused`](polywire_core::CloseReason::HandshakeRefused). `Debug` shows neither the body
/// nor cookies.
///
/// ```
/// use polywire_core::CloseReason;
/// use polywire_ws::WsRefusal;
///
/// /// In how many seconds to try again.
/// fn retry_after(reason: &CloseReason) -> Option<u64> {
///     let CloseReason::HandshakeRefused(refusal) = reason else { return None };
///     let answer = refusal.detail::<WsRefusal>().filter(|answer| answer.status == 503)?;
///     answer.headers.get("retry-after")?.to_str().ok()?.parse().ok()
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WsRefusal {
    /// The status, such as 401 or 503.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most its first 16 KiB: less if the rest did not come within 2 s (or half of the handshake
    /// timeout), or the stream ended. Without its transfer coding, and with its content coding.
    pub body: Bytes,
    /// Of a redirect: why it was not followed.
    pub redirect: Option<RedirectError>,
}

/// What an HTTP proxy answered that does not connect us: the detail of
/// [`CloseReason::HandshakeRefused`](polywire_core::CloseReason::HandshakeRefused). `Debug` does not show the body.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyRefusal {
    /// The status, such as 407 where the proxy wants another user.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most its first 16 KiB.
    pub body: Bytes,
}

/// Why a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectError {
    /// The configuration follows none: [`with_max_redirects`](crate::WsConnectConfig::with_max_redirects).
    NotAsked,
    /// As many were followed as may be.
    TooMany,
    /// It leads to where another one came from.
    Loop,
    /// It leads from TLS to clear text.
    ClearText,
    /// It has no single `Location`, or one that is not the address of a WebSocket server.
    BadLocation,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "redirects are not followed: see `with_max_redirects`",
            Self::TooMany => "there were as many redirects as are followed",
            Self::Loop => "the redirects go in a circle",
            Self::ClearText => "a redirect from wss to ws is never followed",
            Self::BadLocation => "it leads to no WebSocket server",
        })
    }
}

impl std::error::Error for RedirectError {}

impl fmt::Debug for WsRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsRefusal")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .field("redirect", &self.redirect)
            .finish()
    }
}

impl fmt::Debug for ProxyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRefusal")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .finish()
    }
}
