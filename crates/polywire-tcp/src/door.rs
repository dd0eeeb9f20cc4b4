//! A listening socket that any thread closes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use polywire_core::adapter::{Close, Registration, SharedRegistration};

/// A listening socket, registered or not.
struct Open {
    listener: TcpListener,
    /// Somebody else may hold it, too.
    is_adopted: bool,
    /// Of one that is adopted.
    registration: Option<SharedRegistration>,
}

impl Open {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        if self.is_adopted {
            self.registration = Some(registration.shared()?);
        }
        registration.register(&mut self.listener, Interest::READABLE)
    }
}

impl Drop for Open {
    /// Closing alone leaves a socket that somebody else holds too with the poller.
    fn drop(&mut self) {
        if let Some(registration) = &self.registration {
            let _ = registration.deregister(&mut self.listener);
        }
    }
}

/// A listening socket until it is closed, by whichever thread.
pub(crate) struct Door(Mutex<Option<Open>>);

impl Door {
    /// Somebody else may hold one that `is_adopted`, too.
    pub(crate) fn new(listener: TcpListener, is_adopted: bool) -> Self {
        Self(Mutex::new(Some(Open { listener, is_adopted, registration: None })))
    }

    /// Nothing once it is closed.
    pub(crate) fn register(&self, registration: &Registration<'_>) -> io::Result<()> {
        self.open().as_mut().map_or(Ok(()), |open| open.register(registration))
    }

    /// `None` once it is closed.
    pub(crate) fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        self.open().as_ref().map(|open| open.listener.accept())
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Close for Door {
    fn close(&self) {
        self.open().take();
    }
}
