//! What a server answered that accepted a connection.

use http::HeaderMap;

/// The answer by which a server accepted this connection, the last one after redirects: what
/// [`network.info::<WsResponse>(endpoint)`](polywire_core::network::NetworkController::info) gives, of endpoints that
/// this side connected, once they are ready. `Debug` shows no cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WsResponse {
    /// Always 101.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The subprotocol that the server chose, of those asked for (RFC 6455 section 1.9).
    pub subprotocol: Option<String>,
}
