//! Who the peer is.

/// Who the peer is, as the system knows it: what `network.info::<PeerCredentials>(endpoint)` tells of a stream,
/// framed or with WebSocket above it as well.
///
/// They are those of the process that connected, or that listens, at the moment it did. A peer can't forge them,
/// but it may have ended since, and passed the socket on: another process may have its number now. Let
/// people in by `uid` and `gid`. Linux, Android, macOS and the BSDs; `None` elsewhere.
///
/// ```
/// use polywire_core::Endpoint;
/// use polywire_core::network::NetworkController;
/// use polywire_unix::PeerCredentials;
///
/// /// Nobody but root may give orders.
/// fn is_root(network: &NetworkController, endpoint: Endpoint) -> bool {
///     network.info::<PeerCredentials>(endpoint).is_some_and(|peer| peer.uid == 0)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// The process. `None` where the system does not tell it (the BSDs), and for a process that this one can't see,
    /// outside of its container.
    pub pid: Option<u32>,
    /// The user that the process acts as.
    pub uid: u32,
    /// The group that the process acts as.
    pub gid: u32,
}

#[cfg(unix)]
impl PeerCredentials {
    /// Asks the system.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub(crate) fn of(socket: &impl std::os::fd::AsFd) -> Option<Self> {
        let found =
            nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::PeerCredentials);
        let found = found.ok()?;
        let pid = u32::try_from(found.pid()).ok().filter(|pid| *pid != 0);
        Some(Self { pid, uid: found.uid(), gid: found.gid() })
    }

    /// Asks the system.
    #[cfg(any(
        target_vendor = "apple",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub(crate) fn of(socket: &impl std::os::fd::AsFd) -> Option<Self> {
        let (uid, gid) = nix::unistd::getpeereid(socket).ok()?;
        #[cfg(target_vendor = "apple")]
        let pid = nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::LocalPeerPid)
            .ok()
            .and_then(|pid| u32::try_from(pid).ok());
        #[cfg(not(target_vendor = "apple"))]
        let pid = None;
        Some(Self { pid, uid: uid.as_raw(), gid: gid.as_raw() })
    }

    /// Here the system is not asked.
    #[cfg(not(any(
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    pub(crate) fn of(_: &impl std::os::fd::AsFd) -> Option<Self> {
        None
    }
}
