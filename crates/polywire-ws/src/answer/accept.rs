//! Letting a client in.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use polywire_core::adapter::Info;

use crate::answer::fault_among;
use crate::request::WsRequest;

/// Makes a request a WebSocket connection: the program gets `Accepted` with its endpoint.
///
/// ```
/// use polywire_ws::Accept;
///
/// struct User(u32);
///
/// let answer = Accept::new()
///     .with_subprotocol("chat.v2")
///     .with_header("Set-Cookie", "seen=1; Secure; HttpOnly")
///     .with_value(User(42));
/// // Later: network.info::<User>(endpoint)
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Accept {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: Option<Info>,
}

impl Accept {
    /// Accepts with the first of [`WsListenConfig::subprotocols`](crate::WsListenConfig::subprotocols) that the
    /// client asks for, or with none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses that subprotocol, which must be [one that was asked for](WsRequest::subprotocols)
    /// (RFC 6455 section 4.2.2).
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Adds a header to the answer, such as `Set-Cookie`.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Keeps `value` with the endpoint until it ends: who the peer is, which room it is in.
    /// [`network.info::<T>(endpoint)`](polywire_core::network::NetworkController::info) tells it, on any thread,
    /// by its type. The last one given counts.
    pub fn with_value(mut self, value: impl Any + Send + Sync) -> Self {
        self.value = Some(Arc::new(value));
        self
    }

    /// Why `request` can't be answered so.
    pub(crate) fn fault(&self, request: &WsRequest) -> Option<String> {
        let is_asked_for = |name: &str| request.subprotocols().any(|asked| asked == name);
        match self.subprotocol.as_deref() {
            Some(name) if !is_asked_for(name) => Some(format!(
                "the subprotocol '{}' was not asked for: choose one of WsRequest::subprotocols",
                name.escape_default()
            )),
            _ => fault_among(&self.headers),
        }
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Accept")
            .field("subprotocol", &self.subprotocol)
            .field("headers", &names)
            .field("has_value", &self.value.is_some())
            .finish()
    }
}
