//! The names of sockets, as the system has them.

use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use polywire_core::address::RemoteAddr;
use socket2::SockAddr;

use crate::address::{UNNAMED, UnixAddr};

impl UnixAddr {
    /// As the system takes it.
    pub(crate) fn to_sock_addr(&self) -> io::Result<SockAddr> {
        match self {
            Self::Path(path) => SockAddr::unix(path),
            Self::Abstract(name) => SockAddr::unix(format!("\0{name}")),
        }
    }
}

/// How the program is told that name. Bytes that are not UTF-8 become `U+FFFD`.
pub(crate) fn remote_addr_of(addr: &SocketAddr) -> RemoteAddr {
    if let Some(path) = addr.as_pathname() {
        return RemoteAddr::Str(path.to_string_lossy().into());
    }
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Some(name) = addr.as_abstract_name() {
        return RemoteAddr::Str(format!("@{}", String::from_utf8_lossy(name)));
    }
    unnamed()
}

/// The address of a socket without a name.
pub(crate) fn unnamed() -> RemoteAddr {
    RemoteAddr::Str(UNNAMED.into())
}

/// The same error, with what was being done said before it.
pub(crate) fn because(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
