//! A socket that somebody else has opened.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;

use crate::sync::{Mutex, lock};

/// A socket that somebody else has opened (a parent process, systemd, an HTTP server whose connection was
/// upgraded), in a configuration: the first that connects or listens by it takes it, and it is gone. Clones
/// are the same socket, and equal.
pub struct Adopted<T>(Arc<Mutex<Option<T>>>);

impl<T> Adopted<T> {
    /// `socket`, to be taken once.
    pub fn new(socket: T) -> Self {
        Self(Arc::new(Mutex::new(Some(socket))))
    }

    /// Takes the socket.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if it was taken before.
    pub fn take(&self) -> io::Result<T> {
        let gone = || io::Error::new(io::ErrorKind::AddrInUse, "the given socket was used before");
        lock(&self.0).take().ok_or_else(gone)
    }
}

impl<T> Clone for Adopted<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for Adopted<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Adopted<T> {}

impl<T> Hash for Adopted<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl<T> fmt::Debug for Adopted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopted").field("is_there", &lock(&self.0).is_some()).finish()
    }
}
