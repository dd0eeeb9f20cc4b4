//! Peers that never read, and what is sent to them.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;

use polywire::WhenFull;

use crate::common::*;

pub(crate) const MESSAGE: usize = 64 << 10;
pub(crate) const SOFT_MARK: usize = 256 << 10;
pub(crate) const HARD_LIMIT: usize = 4 << 20;
/// What no frame puts before its message exceeds.
pub(crate) const HEADER: usize = 16;

static QUIET: RwLock<()> = RwLock::new(());

/// Held for the length of a test that measures times: no other test of this file runs meanwhile.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    QUIET.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Held for the length of a test that keeps the machine busy.
pub(crate) fn among_others() -> RwLockReadGuard<'static, ()> {
    QUIET.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Who opened the connection that is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Accepted,
    Connected,
}

pub(crate) fn limits(when_full: WhenFull) -> Limits {
    Limits::default()
        .with_outbox_soft_mark(SOFT_MARK)
        .with_outbox_hard_limit(HARD_LIMIT)
        .with_when_full(when_full)
}

/// A peer whose connection is open and never read from, until it is dropped.
pub(crate) struct NonReader {
    _hears_when_dropped: mpsc::Sender<()>,
}

impl NonReader {
    /// A peer of the node of `handler`, on that side of it and with these limits there.
    pub(crate) fn of(handler: &Handler, transport: Transport, side: Side, limits: Limits) -> Self {
        let network = handler.network();
        match side {
            Side::Accepted => {
                let (_, addr) = network.listen(&*listening(transport, limits), LOCALHOST).unwrap();
                Self::client(transport, addr)
            }
            Side::Connected => {
                let (non_reader, addr) = Self::server(transport);
                network.connect(&*connecting(transport, limits), addr).unwrap();
                non_reader
            }
        }
    }

    /// Connects, on a thread of its own.
    pub(crate) fn client(transport: Transport, addr: SocketAddr) -> Self {
        let (keep, dropped) = mpsc::channel();
        thread::spawn(move || {
            let _peer = RawPeer::connect(transport, addr);
            let _: Result<(), _> = dropped.recv();
        });
        Self { _hears_when_dropped: keep }
    }

    /// A node that takes one connection and stands still in its callback from then on.
    pub(crate) fn server(transport: Transport) -> (Self, SocketAddr) {
        let (keep, dropped) = mpsc::channel();
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        thread::spawn(move || {
            listener.for_each(|event| {
                if let NodeEvent::Network(NetEvent::Accepted(..)) = event {
                    let _: Result<(), _> = dropped.recv();
                    handler.stop();
                }
            });
        });
        (Self { _hears_when_dropped: keep }, addr)
    }
}

/// The endpoint that an event tells to be ready.
pub(crate) fn ready_endpoint(event: &NodeEvent<'_, Signal>) -> Option<Endpoint> {
    match event {
        NodeEvent::Network(
            NetEvent::Accepted(endpoint, _) | NetEvent::Connected(endpoint, true),
        ) => Some(*endpoint),
        _ => None,
    }
}

/// An endless stream of bytes without a pattern that a misplaced piece would fit.
pub(crate) struct Bytes {
    twice: Vec<u8>,
}

impl Bytes {
    /// After so many bytes they repeat: a prime, that no piece of a stream is a multiple of.
    const PERIOD: usize = 1_048_583;

    pub(crate) fn new() -> Self {
        Self { twice: noise(7, Self::PERIOD).repeat(2) }
    }

    /// At most a period of them.
    pub(crate) fn at(&self, position: usize, len: usize) -> &[u8] {
        &self.twice[position % Self::PERIOD..][..len]
    }
}
