//! How connections are opened.

use polywire_core::Limits;
#[cfg(unix)]
use polywire_core::adapter::Adopted;

/// How Unix stream sockets are connected: what `network.connect` takes.
///
/// ```
/// use polywire_core::Limits;
/// use polywire_unix::UnixConnectConfig;
///
/// let config = UnixConnectConfig::default().with_limits(Limits::default().with_outbox_soft_mark(64 << 10));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixConnectConfig {
    /// Bounds of the connection. Of these, `connect_timeout` has nothing to do: the system connects at once.
    pub limits: Limits,
    #[cfg(unix)]
    pub(crate) adopted: Option<Adopted<std::os::unix::net::UnixStream>>,
}

impl UnixConnectConfig {
    /// Takes over `stream`, which is connected already (one end of a pair, a socket of a parent process), rather
    /// than to open one: the next `connect` by this configuration, or by a clone, has it, and others fail with
    /// `AddrInUse`. The address given to `connect` is not looked at, and is what `remote_addr` tells; the stream
    /// becomes non-blocking.
    ///
    /// A stream can't be opened again: under [`Reconnecting`](polywire_core::reconnect::Reconnecting) each
    /// further attempt fails.
    #[cfg(unix)]
    #[must_use]
    pub fn with_stream(mut self, stream: std::os::unix::net::UnixStream) -> Self {
        self.adopted = Some(Adopted::new(stream));
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
