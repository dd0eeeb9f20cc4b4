//! Descriptors that nobody here takes are refused where the system can.
//!
//! Reading a message without taking its descriptors closes them, on this thread, and so does closing a socket in which
//! they wait. To close a TCP socket with `SO_LINGER` may take as long as its owner likes (socket(7)): a peer could pass one
//! and hold the loop up. With `SO_PASSRIGHTS` off (Linux 6.16) whoever sends descriptors gets `EPERM`.

use std::os::fd::AsFd;

/// From then on; what waits already is not touched. Connections that a listener accepts are as their listener was when
/// they came.
pub(crate) fn refuse_descriptors(socket: &impl AsFd) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(error) = nix::sys::socket::setsockopt(socket, option::PassRights, &false) {
        tracing::trace!(%error, "descriptors that a peer sends are closed as they come");
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = socket;
}

#[cfg(any(target_os = "android", target_os = "linux"))]
mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    /// `SO_PASSRIGHTS` of asm/socket.h, which libc does not have yet.
    const SO_PASSRIGHTS: libc::c_int =
        if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) { 92 } else { 83 };

    sockopt_impl!(
        /// Whether a peer may send descriptors.
        PassRights, SetOnly, libc::SOL_SOCKET, SO_PASSRIGHTS, bool
    );
}
