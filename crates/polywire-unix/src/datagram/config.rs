//! How sockets for datagrams are opened.

use polywire_core::Limits;
#[cfg(unix)]
use polywire_core::adapter::Adopted;
#[cfg(unix)]
use polywire_core::address::RemoteAddr;

#[cfg(unix)]
use crate::address::UnixAddr;

/// Bytes that a datagram may have at most: 256 KiB. A longer one that a peer sends is dropped.
pub const MAX_DATAGRAM_LEN: usize = 256 << 10;

/// Connects a Unix socket for datagrams to one peer: what `network.connect` takes.
///
/// Only what that peer sends is received. It can answer only to a name: by default the socket has one that
/// the system chooses.
///
/// ```
/// use polywire_unix::UnixDatagramConnectConfig;
///
/// let config = UnixDatagramConnectConfig::default().with_source_address("/run/user/1000/client");
/// assert!(config.source_address.is_some());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixDatagramConnectConfig {
    /// The path or abstract name of this side, which the peer answers to; as that of a listener, its file is removed
    /// in the end. Default: on Linux an abstract name that the system chooses, and elsewhere none, so that nobody can
    /// answer.
    pub source_address: Option<String>,
    /// Bounds of the connection; of them, `read_budget` matters here.
    pub limits: Limits,
    #[cfg(unix)]
    pub(crate) adopted: Option<Adopted<std::os::unix::net::UnixDatagram>>,
}

impl UnixDatagramConnectConfig {
    /// Sets [`Self::source_address`].
    #[must_use]
    pub fn with_source_address(mut self, addr: impl Into<String>) -> Self {
        self.source_address = Some(addr.into());
        self
    }

    /// Takes over `socket`, which is connected already (one end of a pair), rather than to open one: the next
    /// `connect` by this configuration, or by a clone, has it, and others fail with `AddrInUse`. The address given to
    /// `connect` is not looked at, and is what `remote_addr` tells.
    #[cfg(unix)]
    #[must_use]
    pub fn with_socket(mut self, socket: std::os::unix::net::UnixDatagram) -> Self {
        self.adopted = Some(Adopted::new(socket));
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether this side is to have a file.
    #[cfg(unix)]
    pub(crate) fn binds_to_path(&self) -> bool {
        let source = self.source_address.clone().map(RemoteAddr::Str);
        source.is_some_and(|source| matches!(UnixAddr::parse(&source), Ok(UnixAddr::Path(_))))
    }
}

/// Listens for datagrams on a Unix socket: what `network.listen` takes.
///
/// There are no connections. Every message comes with an endpoint of the listener; its address is a number that stands for
/// the peer, and [`remote_addr`](polywire_core::network::NetworkController::remote_addr) tells its name. A send to that
/// endpoint goes to that name, whoever has it now. Of peers without a name all have one endpoint, which
/// can't be answered.
///
/// The last 65,536 names at least are known; a send to one that was forgotten is `ResourceNotFound`.
///
/// ```
/// use polywire_unix::UnixDatagramListenConfig;
///
/// let config = UnixDatagramListenConfig::default().with_mode(0o622);
/// assert_eq!(config.mode, Some(0o622));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixDatagramListenConfig {
    /// The mode of the socket's file: who may write to it may send. As
    /// [`UnixListenConfig::mode`](crate::UnixListenConfig::mode), but a datagram may be sent in the moment between the
    /// creation of the file and the setting of its mode: set the umask, or protect the directory, where that matters.
    pub mode: Option<u32>,
    #[cfg(unix)]
    pub(crate) adopted: Option<Adopted<std::os::unix::net::UnixDatagram>>,
}

impl UnixDatagramListenConfig {
    /// Sets [`Self::mode`].
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Takes over `socket`, which is bound (socket activation by systemd), rather than to open one: the next `listen`
    /// by this configuration, or by a clone, has it, and others fail with `AddrInUse`. The address given to `listen` is
    /// not looked at, no mode is set, and the file is left alone when the listener ends.
    #[cfg(unix)]
    #[must_use]
    pub fn with_socket(mut self, socket: std::os::unix::net::UnixDatagram) -> Self {
        self.adopted = Some(Adopted::new(socket));
        self
    }
}
