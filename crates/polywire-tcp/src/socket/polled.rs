//! Streams that leave their poller in time.
//!
//! Where mio polls by epoll, closing a stream that somebody else holds too leaves it registered: it wakes the loop for
//! nothing, and another descriptor of it under the same number can't be registered. So such a stream is taken out before.

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Interest;
use mio::net::TcpStream;
use polywire_core::adapter::{Registration, SharedRegistration};

/// Of each stream that somebody else may hold too: how it is registered, if it is. Few are such, so this is kept here
/// rather than in each connection, whose memory counts where there are many.
static ADOPTED: Mutex<BTreeMap<Id, Option<SharedRegistration>>> = Mutex::new(BTreeMap::new());

/// How many these are, to be asked without the lock. A stream that is one of them sees itself counted.
static ADOPTED_COUNT: AtomicUsize = AtomicUsize::new(0);

fn adopted() -> MutexGuard<'static, BTreeMap<Id, Option<SharedRegistration>>> {
    ADOPTED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_adopted() -> bool {
    ADOPTED_COUNT.load(Ordering::Relaxed) > 0
}

/// What no two open streams have in common.
#[cfg(not(windows))]
type Id = std::os::fd::RawFd;
#[cfg(windows)]
type Id = std::os::windows::io::RawSocket;

fn id_of(stream: &TcpStream) -> Id {
    #[cfg(not(windows))]
    return std::os::fd::AsRawFd::as_raw_fd(stream);
    #[cfg(windows)]
    return std::os::windows::io::AsRawSocket::as_raw_socket(stream);
}

/// A stream that is taken from its poller before it is closed, if it has to be.
#[derive(Debug)]
pub(super) struct PolledStream(TcpStream);

impl PolledStream {
    /// A stream of this side's own.
    pub(super) fn own(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// One that somebody else has opened, and may hold too.
    pub(super) fn adopted(stream: TcpStream) -> Self {
        adopted().insert(id_of(&stream), None);
        ADOPTED_COUNT.fetch_add(1, Ordering::Relaxed);
        Self(stream)
    }

    pub(super) fn register(
        &mut self,
        registration: &Registration<'_>,
        interest: Interest,
    ) -> io::Result<()> {
        if has_adopted() {
            if let Some(kept) = adopted().get_mut(&id_of(&self.0)) {
                *kept = Some(registration.shared()?);
            }
        }
        registration.register(&mut self.0, interest)
    }

    pub(super) fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        if has_adopted() {
            if let Some(kept) = adopted().get_mut(&id_of(&self.0)) {
                *kept = None;
            }
        }
        registration.deregister(&mut self.0)
    }
}

impl Deref for PolledStream {
    type Target = TcpStream;

    #[inline(always)]
    fn deref(&self) -> &TcpStream {
        &self.0
    }
}

impl Drop for PolledStream {
    fn drop(&mut self) {
        if !has_adopted() {
            return;
        }
        let Some(kept) = adopted().remove(&id_of(&self.0)) else { return };
        ADOPTED_COUNT.fetch_sub(1, Ordering::Relaxed);
        if let Some(registration) = kept {
            let _ = registration.deregister(&mut self.0);
        }
    }
}
