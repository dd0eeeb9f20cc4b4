//! How connections are opened.

use std::net::SocketAddr;
use std::time::Duration;

use polywire_core::Limits;

use crate::keepalive::TcpKeepalive;
use crate::options::{SocketOptions, StreamOptions};

/// How TCP connections are opened: what `network.connect` takes.
///
/// ```
/// use polywire_tcp::TcpConnectConfig;
///
/// let config = TcpConnectConfig::default().with_source_address("127.0.0.1:0".parse().unwrap());
/// assert!(config.nodelay);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpConnectConfig {
    /// Probes on a silent connection (`SO_KEEPALIVE`). Default: none.
    pub keepalive: Option<TcpKeepalive>,
    /// Whether small writes leave at once instead of waiting for the peer's acknowledgement
    /// (`TCP_NODELAY`). Default: true; writes are gathered by the loop already.
    pub nodelay: bool,
    /// The local address to connect from, port 0 for any port. Only addresses of the same family
    /// are then tried. Default: the system's choice.
    pub source_address: Option<SocketAddr>,
    /// The network interface to keep to, by name (`SO_BINDTODEVICE`, socket(7)). Linux, Android and
    /// Fuchsia; elsewhere connecting fails with `Unsupported`. Default: any.
    pub bind_device: Option<String>,
    /// `Some(Duration::ZERO)` resets the connection when it is closed, instead of ending it
    /// (`SO_LINGER`). Any other duration would make the loop wait and is an error of `connect`;
    /// the time for a polite end is [`Limits::linger`]. Default: `None`.
    pub so_linger: Option<Duration>,
    /// Bytes the system buffers for reading (`SO_RCVBUF`). Default: the system's choice, which
    /// grows as needed.
    pub receive_buffer_size: Option<usize>,
    /// Bytes the system buffers for sending (`SO_SNDBUF`). Default: the system's choice, which
    /// grows as needed.
    pub send_buffer_size: Option<usize>,
    /// Bounds of the connection.
    pub limits: Limits,
}

impl Default for TcpConnectConfig {
    fn default() -> Self {
        Self {
            keepalive: None,
            nodelay: true,
            source_address: None,
            bind_device: None,
            so_linger: None,
            receive_buffer_size: None,
            send_buffer_size: None,
            limits: Limits::default(),
        }
    }
}

impl TcpConnectConfig {
    /// Sets [`Self::keepalive`].
    #[must_use]
    pub fn with_keepalive(mut self, keepalive: TcpKeepalive) -> Self {
        self.keepalive = Some(keepalive);
        self
    }

    /// Sets [`Self::nodelay`].
    #[must_use]
    pub fn with_nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Sets [`Self::source_address`].
    #[must_use]
    pub fn with_source_address(mut self, source_address: SocketAddr) -> Self {
        self.source_address = Some(source_address);
        self
    }

    /// Sets [`Self::bind_device`].
    #[must_use]
    pub fn with_bind_device(mut self, device: String) -> Self {
        self.bind_device = Some(device);
        self
    }

    /// Sets [`Self::so_linger`].
    #[must_use]
    pub fn with_so_linger(mut self, linger: Option<Duration>) -> Self {
        self.so_linger = linger;
        self
    }

    /// Sets [`Self::receive_buffer_size`].
    #[must_use]
    pub fn with_receive_buffer_size(mut self, bytes: usize) -> Self {
        self.receive_buffer_size = Some(bytes);
        self
    }

    /// Sets [`Self::send_buffer_size`].
    #[must_use]
    pub fn with_send_buffer_size(mut self, bytes: usize) -> Self {
        self.send_buffer_size = Some(bytes);
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn socket_options(&self) -> SocketOptions<'_> {
        SocketOptions {
            bind_device: self.bind_device.as_deref(),
            receive_buffer_size: self.receive_buffer_size,
            send_buffer_size: self.send_buffer_size,
        }
    }

    pub(crate) fn stream_options(&self) -> StreamOptions {
        StreamOptions {
            nodelay: self.nodelay,
            keepalive: self.keepalive,
            so_linger: self.so_linger,
        }
    }
}
