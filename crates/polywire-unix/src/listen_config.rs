//! How listeners are opened, and what the connections they accept are like.

use polywire_core::Limits;
#[cfg(unix)]
use polywire_core::adapter::Adopted;

/// How Unix stream sockets listen: what `network.listen` takes.
///
/// ```
/// use polywire_unix::UnixListenConfig;
///
/// let config = UnixListenConfig::default().with_mode(0o600);
/// assert_eq!(config.backlog, 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixListenConfig {
    /// The mode of the socket's file, such as `0o600`: who may write to it may connect. It is set before anybody can
    /// connect, whatever the umask is. Default: none, which is `0o777` without the umask. An abstract name has no
    /// file, and anybody may connect: `listen` then fails with `InvalidInput`.
    ///
    /// Not every system looks at it (POSIX leaves that open): Linux, macOS and the BSDs of today do. A directory
    /// that others may not enter protects everywhere.
    pub mode: Option<u32>,
    /// Connections that may wait to be accepted; further ones fail at once, as there is nothing to wait for.
    /// Default: 1024; the system may have a lower bound, see listen(2).
    pub backlog: u32,
    /// Bounds of each accepted connection. Peers have no IP address, so the limits for each address do not count.
    pub limits: Limits,
    #[cfg(unix)]
    pub(crate) adopted: Option<Adopted<std::os::unix::net::UnixListener>>,
}

impl Default for UnixListenConfig {
    fn default() -> Self {
        Self {
            mode: None,
            backlog: 1024,
            limits: Limits::default(),
            #[cfg(unix)]
            adopted: None,
        }
    }
}

impl UnixListenConfig {
    /// Sets [`Self::mode`].
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets [`Self::backlog`].
    #[must_use]
    pub fn with_backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Takes over `listener`, which listens already (socket activation by systemd), rather than to open one: the next
    /// `listen` by this configuration, or by a clone, has it, and others fail with `AddrInUse`. The address given to
    /// `listen` is not looked at, no mode is set, and the file is left alone when the listener ends.
    #[cfg(unix)]
    #[must_use]
    pub fn with_listener(mut self, listener: std::os::unix::net::UnixListener) -> Self {
        self.adopted = Some(Adopted::new(listener));
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
