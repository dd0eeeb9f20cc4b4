//! How connections are opened.

use std::net::SocketAddr;

use polywire_core::Limits;

use crate::socket_config::{TcpSocketConfig, socket_setters};

/// How TCP connections are opened: what `network.connect` takes.
///
/// ```
/// use polywire_tcp::TcpConnectConfig;
///
/// let config = TcpConnectConfig::default().with_source_address("127.0.0.1:0".parse().unwrap());
/// assert!(config.socket.nodelay);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpConnectConfig {
    /// Options of the socket. This type has a setter for each, too.
    pub socket: TcpSocketConfig,
    /// The local address to connect from, port 0 for any port. Only addresses of the same family
    /// are then tried. Default: the system's choice.
    pub source_address: Option<SocketAddr>,
    /// Bounds of the connection.
    pub limits: Limits,
}

impl TcpConnectConfig {
    /// Sets [`Self::socket`].
    #[must_use]
    pub fn with_socket(mut self, socket: TcpSocketConfig) -> Self {
        self.socket = socket;
        self
    }

    socket_setters!(socket);

    /// Sets [`Self::source_address`].
    #[must_use]
    pub fn with_source_address(mut self, source_address: SocketAddr) -> Self {
        self.source_address = Some(source_address);
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
