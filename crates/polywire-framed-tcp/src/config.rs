//! How framed connections and listeners are opened.

use polywire_core::Limits;
use polywire_tcp::{Over, TcpConnectConfig, TcpKeepalive, TcpListenConfig};

use crate::protocol::DEFAULT_MAX_MESSAGE_SIZE;

/// The setters of a configuration whose field `tcp` is a `$tcp`.
macro_rules! setters {
    ($tcp:ident, $tls:ident) => {
        /// This transport over a layer: see [`Over`](polywire_tcp::Over).
        pub fn over<L>(self, layer: L) -> Over<Self, L> {
            Over::new(self, layer)
        }

        #[doc = concat!("Sets [`", stringify!($tcp), "::tls`](polywire_tcp::", stringify!($tcp), "::tls).")]
        #[cfg(feature = "__tls")]
        #[cfg_attr(docsrs, doc(cfg(any(feature = "tls", feature = "tls-ring"))))]
        #[must_use]
        pub fn with_tls(mut self, tls: polywire_tls::$tls) -> Self {
            self.tcp = self.tcp.with_tls(tls);
            self
        }

        /// Sets [`Self::tcp`].
        #[must_use]
        pub fn with_tcp(mut self, tcp: $tcp) -> Self {
            self.tcp = tcp;
            self
        }

        /// Sets [`Self::max_message_size`].
        #[must_use]
        pub fn with_max_message_size(mut self, bytes: usize) -> Self {
            self.max_message_size = bytes;
            self
        }

        /// Sets [`TcpSocketConfig::keepalive`](polywire_tcp::TcpSocketConfig::keepalive).
        #[must_use]
        pub fn with_keepalive(mut self, keepalive: TcpKeepalive) -> Self {
            self.tcp = self.tcp.with_keepalive(keepalive);
            self
        }

        /// Sets the limits of each connection, which are those of [`Self::tcp`].
        #[must_use]
        pub fn with_limits(mut self, limits: Limits) -> Self {
            self.tcp = self.tcp.with_limits(limits);
            self
        }
    };
}

/// How framed TCP connections are opened: what `network.connect` takes.
///
/// ```
/// use polywire_framed_tcp::FramedTcpConnectConfig;
///
/// let config = FramedTcpConnectConfig::default();
/// assert_eq!(config.max_message_size, 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FramedTcpConnectConfig {
    /// How the TCP connection beneath is opened, its [`Limits`] among it.
    pub tcp: TcpConnectConfig,
    /// Bytes a message may have, in both directions. A longer one is not sent; a peer that
    /// announces one is disconnected before it is stored. Default:
    /// [`DEFAULT_MAX_MESSAGE_SIZE`].
    pub max_message_size: usize,
}

impl Default for FramedTcpConnectConfig {
    fn default() -> Self {
        Self { tcp: TcpConnectConfig::default(), max_message_size: DEFAULT_MAX_MESSAGE_SIZE }
    }
}

impl FramedTcpConnectConfig {
    setters!(TcpConnectConfig, TlsConnectConfig);
}

/// How framed TCP listeners are opened: what `network.listen` takes.
///
/// ```
/// use polywire_framed_tcp::FramedTcpListenConfig;
///
/// let config = FramedTcpListenConfig::default().with_max_message_size(1 << 20);
/// assert_eq!(config.tcp.backlog, 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FramedTcpListenConfig {
    /// How the TCP listener beneath is opened, the [`Limits`] of its connections among it.
    pub tcp: TcpListenConfig,
    /// Bytes a message may have, in both directions. A longer one is not sent; a peer that
    /// announces one is disconnected before it is stored. Default:
    /// [`DEFAULT_MAX_MESSAGE_SIZE`].
    pub max_message_size: usize,
}

impl Default for FramedTcpListenConfig {
    fn default() -> Self {
        Self { tcp: TcpListenConfig::default(), max_message_size: DEFAULT_MAX_MESSAGE_SIZE }
    }
}

impl FramedTcpListenConfig {
    setters!(TcpListenConfig, TlsListenConfig);
}
