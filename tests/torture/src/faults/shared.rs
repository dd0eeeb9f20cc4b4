//! What all fault clients share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ClientConfig;

use crate::server::Way;

/// Sockets they have open at a time, all together.
const MAX_SOCKETS: i64 = 280;

/// The server, and what the clients have met there.
pub(crate) struct Shared {
    pub(super) way: Way,
    pub(super) addrs: [SocketAddr; 4],
    /// What clients speak TLS with, if the server does.
    pub(super) tls: Option<Arc<ClientConfig>>,
    sockets: AtomicI64,
    /// Of each kind.
    tallies: Vec<Tally>,
    violations: Mutex<Vec<String>>,
}

/// What the clients of one kind have met.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) clients: AtomicU64,
    /// Connections.
    pub(crate) opened: AtomicU64,
    /// Attempts to connect that failed, or took too long.
    pub(crate) failed: AtomicU64,
    /// Connections that the server ended while the client looked.
    pub(crate) closed: AtomicU64,
    pub(crate) reset: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        way: Way,
        addrs: [SocketAddr; 4],
        tls: Option<Arc<ClientConfig>>,
        kinds: usize,
    ) -> Self {
        let tallies = (0..kinds).map(|_| Tally::default()).collect();
        Self {
            way,
            addrs,
            tls,
            sockets: AtomicI64::new(MAX_SOCKETS),
            tallies,
            violations: Mutex::default(),
        }
    }

    /// How many connections were opened, and how many attempts failed.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let sum = |counter: fn(&Tally) -> &AtomicU64| -> u64 {
            self.tallies.iter().map(|tally| counter(tally).load(Ordering::Relaxed)).sum()
        };
        (sum(|tally| &tally.opened), sum(|tally| &tally.failed))
    }

    /// What even a fault client may expect, and did not get.
    pub(crate) fn violations(&self) -> MutexGuard<'_, Vec<String>> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tally(&self, kind: usize) -> &Tally {
        &self.tallies[kind]
    }
}

/// The right to a socket.
pub(super) struct Permit<'a>(&'a Shared);

impl<'a> Permit<'a> {
    pub(super) fn take(shared: &'a Shared) -> Option<Self> {
        if shared.sockets.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Some(Self(shared));
        }
        shared.sockets.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.sockets.fetch_add(1, Ordering::Relaxed);
    }
}
