//! The ends of fake connections.

use std::collections::VecDeque;
use std::fmt;

use polywire_core::{Readiness, ResourceId};

/// One end of a fake connection.
pub(super) struct Socket {
    pub(super) node: usize,
    pub(super) token: Option<usize>,
    /// Readiness that was not told yet.
    pub(super) edge: Readiness,
    /// Dropped by its owner.
    pub(super) closed: bool,
    /// The index of the other end.
    pub(super) peer: usize,
    pub(super) connected: bool,
    pub(super) inbound: VecDeque<u8>,
    /// The peer writes no more.
    pub(super) inbound_ended: bool,
    pub(super) reset: bool,
}

impl Socket {
    /// Adds to what its poller has not been told.
    pub(super) fn tell(&mut self, readiness: Readiness) {
        self.edge.readable |= readiness.readable;
        self.edge.writable |= readiness.writable;
        self.edge.ended |= readiness.ended;
    }

    pub(super) fn is_quiet(&self) -> bool {
        let nobody_looks = self.closed || self.token.is_none();
        nobody_looks || (self.edge == Readiness::default() && self.inbound.is_empty())
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.map(|token| ResourceId::from(token).to_string());
        let Self { node, edge, inbound, connected, inbound_ended, reset, .. } = self;
        let len = inbound.len();
        write!(f, "of node {node}, {token:?}, {edge:?}, {len} bytes to be read, ")?;
        write!(f, "connected {connected}, ended {inbound_ended}, reset {reset}")
    }
}
