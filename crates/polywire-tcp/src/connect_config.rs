//! How connections are opened.

use std::net::{SocketAddr, TcpStream};

use polywire_core::Limits;
use polywire_core::adapter::Adopted;

use crate::over::Over;
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
    /// TLS over the connection. Default: none, so what is sent can be read and changed on its way.
    #[cfg(feature = "__tls")]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "tls-ring"))))]
    pub tls: Option<polywire_tls::TlsConnectConfig>,
    pub(crate) adopted: Option<Adopted<TcpStream>>,
    pub(crate) received: Vec<u8>,
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

    /// Takes over `stream`, which is connected already, rather than to open one: the next `connect` by this
    /// configuration, or by a clone, has it, and others fail with `AddrInUse`. The address given to
    /// `connect` is what the transport makes of it (a WebSocket's path), and not connected to; the options of
    /// [`Self::socket`] are set, and the stream becomes non-blocking.
    ///
    /// A stream can't be opened again: under [`Reconnecting`](polywire_core::reconnect::Reconnecting) each
    /// further attempt fails.
    #[must_use]
    pub fn with_stream(mut self, stream: TcpStream) -> Self {
        self.adopted = Some(Adopted::new(stream));
        self
    }

    /// What was read of [that stream](Self::with_stream) before, by somebody who knew where it ends: the
    /// protocol gets it first. Without such a stream, and with one under a
    /// [layer](polywire_core::stream::Layer), `connect` fails with `InvalidInput`.
    #[must_use]
    pub fn with_received(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.received = bytes.into();
        self
    }

    /// Sets [`Self::tls`]: the connection is encrypted, and who answers has proven who it is.
    #[cfg(feature = "__tls")]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "tls-ring"))))]
    #[must_use]
    pub fn with_tls(mut self, tls: polywire_tls::TlsConnectConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// This transport over a layer: see [`Over`].
    pub fn over<L>(self, layer: L) -> Over<Self, L> {
        Over::new(self, layer)
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
