//! How much and how long an endpoint may take.

use std::time::Duration;

/// Bounds of one connection, or of every connection that a listener accepts.
///
/// Every adapter configuration carries one; the defaults suit the open internet.
///
/// ```
/// use polywire_core::limits::Limits;
/// use std::time::Duration;
///
/// let limits = Limits::default().with_handshake_timeout(Duration::from_secs(3));
/// assert_eq!(limits.outbox_soft_mark, 1 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Time for the transport to connect to one address; the addresses of a host name get it each.
    /// Default: 10 s. At its end: [`CloseReason::ConnectTimeout`](crate::CloseReason).
    pub connect_timeout: Duration,
    /// Time for the handshake of the protocol once the transport is connected. Default: 10 s.
    /// At its end: [`CloseReason::HandshakeTimeout`](crate::CloseReason).
    pub handshake_timeout: Duration,
    /// Time after `remove`, `stop` or the peer's end for what was accepted before to reach the
    /// peer. Default: 5 s. Zero throws it away at once.
    pub linger: Duration,
    /// Bytes waiting in the outbox above which `try_send` answers `Full` and `send` from a thread
    /// other than the loop's waits. Default: 1 MiB.
    pub outbox_soft_mark: usize,
    /// Bytes waiting in the outbox at which the endpoint is given up with
    /// [`CloseReason::OutboxLimit`](crate::CloseReason). One message larger than this is taken
    /// while the outbox is empty. Default: 64 MiB.
    pub outbox_hard_limit: usize,
    /// Bytes the connection may read in one turn of the loop before others are served.
    /// Default: 1 MiB; at least one read is always made.
    pub read_budget: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(5),
            outbox_soft_mark: 1 << 20,
            outbox_hard_limit: 64 << 20,
            read_budget: 1 << 20,
        }
    }
}

impl Limits {
    /// Sets [`Self::connect_timeout`].
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`Self::handshake_timeout`].
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets [`Self::linger`].
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets [`Self::outbox_soft_mark`].
    #[must_use]
    pub fn with_outbox_soft_mark(mut self, bytes: usize) -> Self {
        self.outbox_soft_mark = bytes;
        self
    }

    /// Sets [`Self::outbox_hard_limit`].
    #[must_use]
    pub fn with_outbox_hard_limit(mut self, bytes: usize) -> Self {
        self.outbox_hard_limit = bytes;
        self
    }

    /// Sets [`Self::read_budget`].
    #[must_use]
    pub fn with_read_budget(mut self, bytes: usize) -> Self {
        self.read_budget = bytes;
        self
    }
}
