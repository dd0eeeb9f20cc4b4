//! Counters of a node.

use crate::close_reason::CloseReason;
use crate::counter::{Counter, SharedCounter};

/// A snapshot of a node's counters, from [`stats`](crate::network::NetworkController::stats).
///
/// [`endpoints`](Self::endpoints), [`queued_bytes`](Self::queued_bytes) and
/// [`half_received_bytes`](Self::half_received_bytes) are of this moment; all others only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Listeners and connections alive, those included that still drain after their end.
    pub endpoints: usize,
    /// Messages handed to the callback.
    pub messages_in: u64,
    /// Bytes of those messages.
    pub bytes_in: u64,
    /// Messages that `send` and `try_send` took.
    pub messages_out: u64,
    /// Bytes of those messages.
    pub bytes_out: u64,
    /// Bytes that wait in the outboxes.
    pub queued_bytes: usize,
    /// Bytes of messages of which the rest has not arrived.
    pub half_received_bytes: usize,
    /// Connections that a listener took and whose handshake then failed.
    pub refused: u64,
    /// Connections that asked a listener for something else than a connection and were answered: HTTP
    /// requests for a page.
    pub answered: u64,
    /// Connections rejected at accept because a limit of the listener, of their address or of the node
    /// was reached.
    pub turned_away: u64,
    /// Times a listener had to wait because the system was out of descriptors or memory.
    pub accept_exhausted: u64,
    /// Connections that had been ready and ended, by the program's doing excepted. One that is opened again
    /// counts each time.
    pub ended: Ended,
    /// Datagrams that were taken to be sent together with others and then could not be: the system
    /// refused them, or their endpoint was removed while the system had no room. What the system or
    /// the network loses is not among them.
    pub dropped_datagrams: u64,
    /// Times the loop returned from waiting.
    pub wake_ups: u64,
}

/// What kinds of ends [`Stats::ended`] tells apart.
const END_KINDS: usize = 5;

/// Connections that had been ready and ended, by the kind of the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// The peer closed it gracefully.
    pub by_peer: u64,
    /// It was reset, it ended without the goodbye that its protocol asks for, or the system or its adapter
    /// failed it.
    pub by_failure: u64,
    /// The peer broke its protocol or a layer under it, or sent more than a message may have.
    pub by_violation: u64,
    /// A time was over: message, idle, lifetime.
    pub by_timeout: u64,
    /// A bound on memory was reached: outbox, stall, node.
    pub by_limit: u64,
}

/// Which counter an end belongs to.
fn kind_of(reason: &CloseReason) -> Option<usize> {
    Some(match reason {
        CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. } => 0,
        CloseReason::Reset
        | CloseReason::AbnormalClosure
        | CloseReason::Io(..)
        | CloseReason::Panicked
        | CloseReason::AdapterFault(_) => 1,
        CloseReason::ProtocolViolation(_)
        | CloseReason::MessageTooLarge { .. }
        | CloseReason::Layer(_) => 2,
        CloseReason::TimedOut
        | CloseReason::MessageTimeout
        | CloseReason::IdleTimeout
        | CloseReason::MaxLifetime => 3,
        CloseReason::OutboxLimit { .. } | CloseReason::Stalled | CloseReason::NodeMemory => 4,
        _ => return None,
    })
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) messages_out: SharedCounter,
    pub(crate) bytes_out: SharedCounter,
    pub(crate) refused: Counter,
    pub(crate) answered: Counter,
    pub(crate) turned_away: Counter,
    pub(crate) ends: [Counter; END_KINDS],
    pub(crate) accept_exhausted: Counter,
    pub(crate) wake_ups: Counter,
}

impl Counters {
    pub(crate) fn count_end(&self, reason: &CloseReason) {
        if let Some(kind) = kind_of(reason) {
            self.ends[kind].add_alone(1);
        }
    }

    pub(crate) fn ended(&self) -> Ended {
        let [by_peer, by_failure, by_violation, by_timeout, by_limit] =
            self.ends.each_ref().map(Counter::get);
        Ended { by_peer, by_failure, by_violation, by_timeout, by_limit }
    }
}
