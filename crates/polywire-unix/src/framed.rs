//! Messages over Unix streams, each behind its length.

use std::io;

use polywire_core::Limits;
use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_framed_tcp::{DEFAULT_MAX_MESSAGE_SIZE, Framed};

use crate::connect_config::UnixConnectConfig;
use crate::listen_config::UnixListenConfig;
use crate::{connect_stream, listen_stream};

/// Messages over Unix streams, with the defaults of [`FramedUnixConnectConfig`] and [`FramedUnixListenConfig`].
///
/// The framing is that of [`polywire_framed_tcp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FramedUnix;

/// The setters of a configuration whose field `unix` is a `$unix`.
macro_rules! setters {
    ($unix:ident) => {
        /// Sets [`Self::unix`].
        #[must_use]
        pub fn with_unix(mut self, unix: $unix) -> Self {
            self.unix = unix;
            self
        }

        /// Sets [`Self::max_message_size`].
        #[must_use]
        pub fn with_max_message_size(mut self, bytes: usize) -> Self {
            self.max_message_size = bytes;
            self
        }

        /// Sets the limits of each connection, which are those of [`Self::unix`].
        #[must_use]
        pub fn with_limits(mut self, limits: Limits) -> Self {
            self.unix = self.unix.with_limits(limits);
            self
        }
    };
}

/// How framed connections over Unix streams are opened: what `network.connect` takes.
///
/// ```
/// use polywire_unix::FramedUnixConnectConfig;
///
/// assert_eq!(FramedUnixConnectConfig::default().max_message_size, 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FramedUnixConnectConfig {
    /// How the stream beneath is opened, its [`Limits`] among it.
    pub unix: UnixConnectConfig,
    /// Bytes a message may have, in both directions. A longer one is not sent; a peer that announces one is
    /// disconnected before it is stored. Default: 64 MiB.
    pub max_message_size: usize,
}

impl Default for FramedUnixConnectConfig {
    fn default() -> Self {
        Self { unix: UnixConnectConfig::default(), max_message_size: DEFAULT_MAX_MESSAGE_SIZE }
    }
}

impl FramedUnixConnectConfig {
    setters!(UnixConnectConfig);
}

/// How framed connections over Unix streams are accepted: what `network.listen` takes.
///
/// ```
/// use polywire_unix::{FramedUnixListenConfig, UnixListenConfig};
///
/// let unix = UnixListenConfig::default().with_mode(0o660);
/// let config = FramedUnixListenConfig::default().with_unix(unix).with_max_message_size(1 << 20);
/// assert_eq!(config.unix.mode, Some(0o660));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FramedUnixListenConfig {
    /// How the listener beneath is opened, the [`Limits`] of its connections among it.
    pub unix: UnixListenConfig,
    /// Bytes a message may have, in both directions. A longer one is not sent; a peer that announces one is
    /// disconnected before it is stored. Default: 64 MiB.
    pub max_message_size: usize,
}

impl Default for FramedUnixListenConfig {
    fn default() -> Self {
        Self { unix: UnixListenConfig::default(), max_message_size: DEFAULT_MAX_MESSAGE_SIZE }
    }
}

impl FramedUnixListenConfig {
    setters!(UnixListenConfig);
}

impl Connect for FramedUnix {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        FramedUnixConnectConfig::default().connect(addr)
    }
}

impl Listen for FramedUnix {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        FramedUnixListenConfig::default().listen(addr)
    }
}

impl Connect for FramedUnixConnectConfig {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connect_stream(&self.unix, addr, Framed::new(self.max_message_size))
    }
}

impl Listen for FramedUnixListenConfig {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let max_message_size = self.max_message_size;
        listen_stream(&self.unix, addr, move |_| Framed::new(max_message_size))
    }
}
