//! How listeners are opened, and what the connections they accept are like.

use std::time::Duration;

use polywire_core::Limits;

use crate::keepalive::TcpKeepalive;
use crate::options::{SocketOptions, StreamOptions};

/// How TCP listeners are opened: what `network.listen` takes.
///
/// ```
/// use polywire_tcp::TcpListenConfig;
///
/// let config = TcpListenConfig::default().with_backlog(4096);
/// assert!(config.nodelay);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpListenConfig {
    /// Probes on silent accepted connections (`SO_KEEPALIVE`). Default: none.
    pub keepalive: Option<TcpKeepalive>,
    /// Whether small writes of accepted connections leave at once instead of waiting for the
    /// peer's acknowledgement (`TCP_NODELAY`). Default: true; writes are gathered by the loop
    /// already.
    pub nodelay: bool,
    /// The network interface to keep to, by name (`SO_BINDTODEVICE`, socket(7)). Linux, Android and
    /// Fuchsia; elsewhere listening fails with `Unsupported`. Default: any.
    pub bind_device: Option<String>,
    /// `Some(Duration::ZERO)` resets accepted connections when they are closed, instead of ending
    /// them (`SO_LINGER`). Any other duration would make the loop wait and is an error of `listen`;
    /// the time for a polite end is [`Limits::linger`]. Default: `None`.
    pub so_linger: Option<Duration>,
    /// Whether the port can be taken while connections of an earlier listener are still ending
    /// (`SO_REUSEADDR`). Default: true, except on Windows, where it would allow to take over a
    /// port in use.
    pub reuse_address: bool,
    /// Whether several listeners may share the port, each accepting a part of the connections
    /// (`SO_REUSEPORT`). Unix; elsewhere listening fails with `Unsupported`. Default: false.
    pub reuse_port: bool,
    /// Whether a listener on an IPv6 address leaves IPv4 alone (`IPV6_V6ONLY`, ipv6(7)). Nothing
    /// for IPv4 addresses. Default: the system's choice, on Linux usually false.
    pub only_v6: Option<bool>,
    /// Connections that may wait to be accepted. Default: 1024; the system may have a lower bound,
    /// see listen(2).
    pub backlog: u32,
    /// Bytes the system buffers for reading, per connection (`SO_RCVBUF`). Default: the system's
    /// choice, which grows as needed.
    pub receive_buffer_size: Option<usize>,
    /// Bytes the system buffers for sending, per connection (`SO_SNDBUF`). Default: the system's
    /// choice, which grows as needed.
    pub send_buffer_size: Option<usize>,
    /// Bounds of each accepted connection.
    pub limits: Limits,
}

impl Default for TcpListenConfig {
    fn default() -> Self {
        Self {
            keepalive: None,
            nodelay: true,
            bind_device: None,
            so_linger: None,
            reuse_address: cfg!(not(windows)),
            reuse_port: false,
            only_v6: None,
            backlog: 1024,
            receive_buffer_size: None,
            send_buffer_size: None,
            limits: Limits::default(),
        }
    }
}

impl TcpListenConfig {
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

    /// Sets [`Self::reuse_address`].
    #[must_use]
    pub fn with_reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// Sets [`Self::reuse_port`].
    #[must_use]
    pub fn with_reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Sets [`Self::only_v6`].
    #[must_use]
    pub fn with_only_v6(mut self, only_v6: bool) -> Self {
        self.only_v6 = Some(only_v6);
        self
    }

    /// Sets [`Self::backlog`].
    #[must_use]
    pub fn with_backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
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
