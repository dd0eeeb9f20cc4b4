//! How much and how long an endpoint may take.

use std::time::Duration;

/// What `send` inside the callback does when a peer reads too slowly.
///
/// `send` on any other thread waits for room in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// Ends the connection with [`CloseReason::OutboxLimit`](crate::CloseReason) when the outbox
    /// reaches [`Limits::outbox_hard_limit`]. The default of accepted connections: they chose us, there
    /// may be thousands, and one of them must not hold up the others.
    Disconnect,
    /// Holds the callback up when the outbox reaches [`Limits::outbox_hard_limit`], writing, until
    /// there is room. Ends the connection with [`CloseReason::Stalled`](crate::CloseReason) after 5 s
    /// of one `send`, or after [`Limits::stall_timeout`] in which the peer took nothing. The default of
    /// connections that the program opened: one that streams a file in a plain loop of `send`s runs at
    /// the peer's speed. A connection whose other end is of the same node is never waited for: there
    /// this is as `Disconnect`.
    Wait,
}

/// Bounds of one connection, or of every connection that a listener accepts.
///
/// Every adapter configuration carries one. The defaults are safe for a server on the public internet.
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
    ///
    /// An answer in the place of a handshake, such as a page over HTTP, goes on after it as long as the peer takes
    /// [`Self::min_message_rate`] of it in each [`Self::stall_timeout`], until the node stops.
    pub linger: Duration,
    /// Queued bytes above which `try_send` returns `Full`, and `send` from a thread other than the
    /// loop's waits. Default: 1 MiB.
    pub outbox_soft_mark: usize,
    /// Queued bytes at which the connection is closed with
    /// [`CloseReason::OutboxLimit`](crate::CloseReason). A message is taken where it fits by its own length: what its
    /// frame adds, some 16 bytes, may come on top. One larger than this is taken while the outbox is empty, and is not
    /// counted. Default: 64 MiB.
    pub outbox_hard_limit: usize,
    /// What `send` inside the callback does at the hard limit. Default: `None`, which is
    /// [`WhenFull::Disconnect`] for accepted connections and [`WhenFull::Wait`] for those that the
    /// program opened; [`limits`](crate::network::NetworkController::limits) tells the effective
    /// one.
    pub when_full: Option<WhenFull>,
    /// Time that a peer may take nothing while more than [`Self::outbox_soft_mark`] waits for it,
    /// whoever connected; a `send` inside the callback waits 5 s of it at most. Default: 30 s. At its
    /// end, or up to an eighth later: [`CloseReason::Stalled`](crate::CloseReason).
    pub stall_timeout: Duration,
    /// Time that a message which has begun to arrive may go without another byte; a record of TLS, too,
    /// whatever is in it. Default: 30 s.
    /// At its end: [`CloseReason::MessageTimeout`](crate::CloseReason).
    pub message_timeout: Duration,
    /// Bytes a second that a message which has begun to arrive must bring, over each
    /// [`Self::message_timeout`]; a message shorter than their product must be whole within one.
    /// Default: 1024; 0 is any rate. Below it: [`CloseReason::MessageTimeout`](crate::CloseReason).
    pub min_message_rate: usize,
    /// Time that a connection may go without receiving anything, pongs included, and without taking
    /// any of what waits to be sent to it. Default: `None`, for ever. At its end: [`CloseReason::IdleTimeout`](crate::CloseReason).
    pub idle_timeout: Option<Duration>,
    /// Time without receiving anything after which the protocol asks the peer for a sign of life,
    /// again and again (a WebSocket ping; protocols without such a thing do nothing). Each connection is
    /// asked up to a quarter earlier, by a part of its own, so that thousands accepted at once are not
    /// asked at once. Default: `None`, never. Use it with a longer [`Self::idle_timeout`].
    pub heartbeat: Option<Duration>,
    /// Of a listener: connections it may have at a time; more are closed as they come. Default:
    /// no limit but the node's.
    pub max_connections: usize,
    /// Of a listener: connections that may be shaking hands at a time. For one more, the oldest
    /// handshake of the address that has most is given up, never the newcomer; it is counted in
    /// [`Stats::refused`](crate::shared::stats::Stats::refused). Default: 1024.
    pub max_handshakes: usize,
    /// Of a listener: connections that one IP address may have at a time; more are closed as they
    /// come. Where a layer learns from a proxy who connects, that is the client's address, and one too many
    /// is closed once it is known. Default: no limit, for a proxy may stand for many.
    pub max_connections_per_ip: usize,
    /// Bytes the connection may read in one turn of the loop before others are served, while it is
    /// the only one that is ready; of several, each has a share. Default: 1 MiB, and 256 KiB however
    /// many are ready; at least one read is always made. A message that a share ends in is read on, up
    /// to so many bytes more. A message counts as 256 bytes at least.
    pub read_budget: usize,
}

/// Bounds of a whole node, over all its connections; given to
/// [`set_limits`](crate::network::NetworkController::set_limits).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeLimits {
    /// Listeners and connections the node may have at a time: `connect` and `listen` fail above it,
    /// and peers that come are closed at once. Default: 2^24, as many as it can count.
    pub max_resources: usize,
    /// Bytes the node may hold in all outboxes and of all messages half received together.
    /// Default: 1 GiB. Where it is reached, the connection that holds most ends, with
    /// [`CloseReason::NodeMemory`](crate::CloseReason), not the one that needs room; a `send` on a
    /// thread other than the loop's first waits a second for the others to take what they are sent.
    pub max_buffered: usize,
    /// Bytes that may wait in the queue of [`enqueue`](crate::node::NodeListener::enqueue) before
    /// the node reads from nobody and accepts nobody; each event counts 128 bytes beside its
    /// message, and one more message of each connection may come. Default: 64 MiB.
    pub max_enqueued: usize,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self { max_resources: 1 << 24, max_buffered: 1 << 30, max_enqueued: 64 << 20 }
    }
}

impl NodeLimits {
    /// Sets [`Self::max_resources`].
    #[must_use]
    pub fn with_max_resources(mut self, count: usize) -> Self {
        self.max_resources = count;
        self
    }

    /// Sets [`Self::max_buffered`].
    #[must_use]
    pub fn with_max_buffered(mut self, bytes: usize) -> Self {
        self.max_buffered = bytes;
        self
    }

    /// Sets [`Self::max_enqueued`].
    #[must_use]
    pub fn with_max_enqueued(mut self, bytes: usize) -> Self {
        self.max_enqueued = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(5),
            outbox_soft_mark: 1 << 20,
            outbox_hard_limit: 64 << 20,
            when_full: None,
            stall_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(30),
            min_message_rate: 1024,
            idle_timeout: None,
            heartbeat: None,
            max_connections: usize::MAX,
            max_handshakes: 1024,
            max_connections_per_ip: usize::MAX,
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

    /// Sets [`Self::when_full`].
    #[must_use]
    pub fn with_when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = Some(when_full);
        self
    }

    /// Sets [`Self::stall_timeout`].
    #[must_use]
    pub fn with_stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Sets [`Self::message_timeout`].
    #[must_use]
    pub fn with_message_timeout(mut self, timeout: Duration) -> Self {
        self.message_timeout = timeout;
        self
    }

    /// Sets [`Self::min_message_rate`].
    #[must_use]
    pub fn with_min_message_rate(mut self, bytes: usize) -> Self {
        self.min_message_rate = bytes;
        self
    }

    /// Sets [`Self::idle_timeout`].
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets [`Self::heartbeat`].
    #[must_use]
    pub fn with_heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// Sets [`Self::max_connections`].
    #[must_use]
    pub fn with_max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// Sets [`Self::max_handshakes`].
    #[must_use]
    pub fn with_max_handshakes(mut self, count: usize) -> Self {
        self.max_handshakes = count;
        self
    }

    /// Sets [`Self::max_connections_per_ip`].
    #[must_use]
    pub fn with_max_connections_per_ip(mut self, count: usize) -> Self {
        self.max_connections_per_ip = count;
        self
    }
}
