//! The request that a client makes.

mod credentials;
mod query;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{COOKIE, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Method, Uri};
use polywire_core::adapter::Info;
use polywire_core::endpoint::ResourceId;

use crate::handshake::elements;

/// Headers whose values are nobody's secret: the only ones that the debug output shows.
const HARMLESS_HEADERS: [&str; 8] = [
    "accept-language",
    "connection",
    "host",
    "origin",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "upgrade",
    "user-agent",
];

/// The HTTP request of a client: an upgrade to WebSocket, or an ordinary one for a page.
///
/// Given to the hook of [`WsListenConfig::with_on_request`](crate::WsListenConfig::with_on_request). Where there
/// is such a hook, `network.info::<WsRequest>(endpoint)` tells it for as long as the endpoint lives, which takes some
/// 4 KiB for each connection of a browser. A clone may be kept, and asked on any thread.
///
/// Everything in it comes from the peer, and may be anything, `Origin` included if the peer is no browser. Its `Debug`
/// output shows neither the query nor the values of headers that may be secrets.
#[derive(Clone)]
pub struct WsRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) is_upgrade: bool,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) subprotocol: Option<String>,
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) resource_id: ResourceId,
    pub(crate) facts: Vec<Info>,
}

impl WsRequest {
    /// `GET`, or `HEAD` where [`is_upgrade`](Self::is_upgrade) is false.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as it was sent, percent-encoded and not normalized, from its first `/` on, without the query.
    /// [`Routes`](crate::Routes) compares it to paths.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// What stands behind the `?`, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// All headers. `Host` is the host of a target in absolute form, where there is one, and not what was sent (RFC 9112
    /// section 3.2.2).
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header, by its name in any case: the first of several. `None` if there is none, and for one
    /// that is not visible ASCII, which [`headers`](Self::headers) has.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie (RFC 6265 section 5.4) as it was sent, by its exact name: the first of several.
    ///
    /// A browser sends cookies along whichever page opens the connection: see
    /// [`with_allowed_origins`](crate::WsListenConfig::with_allowed_origins).
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|it| it.split_once('='));
        pairs.find(|(other, _)| other.trim() == name).map(|(_, value)| value.trim())
    }

    /// The subprotocols that the client asks for, the one it prefers first (RFC 6455 section 1.9).
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        elements(&self.headers, SEC_WEBSOCKET_PROTOCOL)
    }

    /// The extensions that the client offers, each with its parameters as they were sent (RFC 6455 section 9.1).
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        let offers = self.headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
        let lines = offers.filter_map(|line| line.to_str().ok());
        lines.flat_map(split_outside_quotes).map(str::trim).filter(|offer| !offer.is_empty())
    }

    /// The subprotocol that was chosen: `None` before the request is accepted, and without one.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Which page's origin the browser says that it connects for (RFC 6454): `https://example.org`, or `null` of a page
    /// that has none. `None` of most clients that are no browsers, and where there is more than one.
    pub fn origin(&self) -> Option<&str> {
        let mut lines = self.headers.get_all(ORIGIN).iter();
        let origin = lines.next()?.to_str().ok()?;
        lines.next().is_none().then_some(origin)
    }

    /// Whether it asks for a WebSocket connection: if not, it is an ordinary `GET` or `HEAD`, to be answered
    /// with a [`Response`](crate::Response).
    pub fn is_upgrade(&self) -> bool {
        self.is_upgrade
    }

    /// What stands in the path where the route has `{name}`, percent-decoded: see [`Routes`](crate::Routes).
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The peer's address: that of the client where a proxy names it by the PROXY protocol, under the layer that reads
    /// it. `None` over a stream without socket addresses.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }

    /// By which a later answer reaches it: see [`Answer::Later`](crate::Answer::Later). That of the endpoint, once it
    /// is accepted.
    pub fn resource_id(&self) -> ResourceId {
        self.resource_id
    }

    /// What the layers under it know of the connection, as
    /// [`network.info`](polywire_core::network::NetworkController::info) tells of an endpoint: `TlsInfo` with the
    /// client's certificate and whether it comes over TLS at all, `ProxyInfo` with what a proxy says.
    pub fn info<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.facts.iter().find_map(|fact| Arc::clone(fact).downcast().ok())
    }
}

impl fmt::Debug for WsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value)| Shown { name, value };
        f.debug_struct("WsRequest")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("has_query", &self.query().is_some())
            .field("headers", &self.headers.iter().map(shown).collect::<Vec<_>>())
            .field("is_upgrade", &self.is_upgrade)
            .field("peer_addr", &self.peer_addr)
            .field("resource_id", &self.resource_id)
            .finish_non_exhaustive()
    }
}

/// The elements of a list in which strings may be quoted (RFC 9110 section 5.6.4).
fn split_outside_quotes(line: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        character == ',' && !is_quoted
    })
}

/// A header in debug output.
struct Shown<'a> {
    name: &'a http::HeaderName,
    value: &'a http::HeaderValue,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match HARMLESS_HEADERS.contains(&self.name.as_str()) {
            true => write!(f, "{}: {:?}", self.name, self.value),
            false => write!(f, "{}: ...", self.name),
        }
    }
}
