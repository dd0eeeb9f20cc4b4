//! How listeners are opened, and what the connections they accept are like.

use std::net::TcpListener;

use polywire_core::Limits;
use polywire_core::adapter::Adopted;

use crate::over::Over;
use crate::socket_config::{TcpSocketConfig, socket_setters};

/// How TCP listeners are opened: what `network.listen` takes.
///
/// ```
/// use polywire_tcp::TcpListenConfig;
///
/// let config = TcpListenConfig::default().with_backlog(4096);
/// assert!(config.socket.nodelay);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpListenConfig {
    /// Options of the listening socket and of each socket it accepts. This type has a setter for
    /// each, too.
    pub socket: TcpSocketConfig,
    /// Whether the port can be taken while connections of an earlier listener are still ending
    /// (`SO_REUSEADDR`). Default: true, except on Windows, where it would allow to take over a
    /// port in use.
    pub reuse_address: bool,
    /// Whether several listeners may share the port (`SO_REUSEPORT`). On Linux the system deals the
    /// connections out among them; other Unix systems may give all of them to one; elsewhere
    /// listening fails with `Unsupported`. Default: false.
    pub reuse_port: bool,
    /// Whether a listener on an IPv6 address leaves IPv4 alone (`IPV6_V6ONLY`, ipv6(7)). Nothing
    /// for IPv4 addresses. Default: the system's choice, on Linux usually false.
    pub only_v6: Option<bool>,
    /// Connections that may wait to be accepted. Default: 1024; the system may have a lower bound,
    /// see listen(2).
    pub backlog: u32,
    /// Bounds of each accepted connection.
    pub limits: Limits,
    /// TLS over each accepted connection. Default: none, so what is sent can be read and changed on its way.
    #[cfg(feature = "__tls")]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "tls-ring"))))]
    pub tls: Option<polywire_tls::TlsListenConfig>,
    pub(crate) adopted: Option<Adopted<TcpListener>>,
}

impl Default for TcpListenConfig {
    fn default() -> Self {
        Self {
            socket: TcpSocketConfig::default(),
            reuse_address: cfg!(not(windows)),
            reuse_port: false,
            only_v6: None,
            backlog: 1024,
            limits: Limits::default(),
            #[cfg(feature = "__tls")]
            tls: None,
            adopted: None,
        }
    }
}

impl TcpListenConfig {
    /// Sets [`Self::socket`].
    #[must_use]
    pub fn with_socket(mut self, socket: TcpSocketConfig) -> Self {
        self.socket = socket;
        self
    }

    socket_setters!(socket);

    /// Takes over `listener`, which listens already, rather than to open one: the next `listen` by this
    /// configuration, or by a clone, has it, and others fail with `AddrInUse`. The address given to
    /// `listen` is not looked at; of the options, those of accepted connections are set.
    #[must_use]
    pub fn with_listener(mut self, listener: TcpListener) -> Self {
        self.adopted = Some(Adopted::new(listener));
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

    /// Sets [`Self::tls`]: each connection is encrypted, and whoever connects in clear text is refused.
    #[cfg(feature = "__tls")]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "tls-ring"))))]
    #[must_use]
    pub fn with_tls(mut self, tls: polywire_tls::TlsListenConfig) -> Self {
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
