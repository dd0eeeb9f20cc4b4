//! What a program can ask of a connection that a proxy made.

use std::net::SocketAddr;

use crate::header::{ProxyHeader, ProxyVersion};

/// What the proxy said of an accepted connection:
/// [`info::<ProxyInfo>(endpoint)`](polywire_core::network::NetworkController::info).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyInfo {
    pub(crate) header: ProxyHeader,
    pub(crate) version: ProxyVersion,
    pub(crate) proxy_addr: Option<SocketAddr>,
}

impl ProxyInfo {
    /// The header: source, destination, and what else it says. To pass it on, give it to
    /// [`ProxyConnectConfig::with_header`](crate::ProxyConnectConfig::with_header).
    pub fn header(&self) -> &ProxyHeader {
        &self.header
    }

    /// The version of the header.
    pub fn version(&self) -> ProxyVersion {
        self.version
    }

    /// The proxy's own address, of the socket.
    pub fn proxy_addr(&self) -> Option<SocketAddr> {
        self.proxy_addr
    }
}
