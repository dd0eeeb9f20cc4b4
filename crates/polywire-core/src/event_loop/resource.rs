//! What the loop knows of one connection or listener.

use std::sync::Arc;
use std::time::Instant;

use crate::adapter::{Local, Remote};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::guests::{Guests, Place};
use crate::event_loop::liveness::Signs;
use crate::network::shared::Outcome;
use crate::poller::Readiness;
use crate::reconnect::Redial;
use crate::registry::Entry;

/// One connection or listener in the loop.
pub(super) struct Resource {
    pub(super) entry: Arc<Entry>,
    pub(super) driven: Driven,
    /// Readiness not served yet.
    pub(super) pending: Readiness,
    /// Whether it is in the list of those to be served.
    pub(super) listed: bool,
    /// When it must be looked at whatever the poller says.
    pub(super) deadline: Option<Instant>,
    /// Whether the poller knows it (listeners only).
    pub(super) registered: bool,
    /// When it was heard of, if it is watched.
    pub(super) signs: Option<Signs>,
    /// Whom a listener has accepted, or the place that an accepted connection takes there.
    pub(super) guests: Option<Box<Guests>>,
    pub(super) place: Option<Place>,
    /// How it is opened again, if it is to be.
    pub(super) redial: Option<Box<Redial>>,
}

/// The stage of a resource, with what is driven in it.
pub(super) enum Driven {
    Opening {
        remote: Box<dyn Remote>,
        origin: Origin,
        handshaking: bool,
    },
    Ready(Box<dyn Remote>),
    Closing {
        remote: Box<dyn Remote>,
        reason: CloseReason,
        flushing: bool,
    },
    /// Ended, to be opened again when the deadline is over.
    Waiting,
    Listening(Box<dyn Local>),
}

/// Who opened a connection, and so how its being ready is told.
pub(super) enum Origin {
    /// The program; with an outcome that somebody waits for.
    Connected(Option<Outcome>),
    /// A peer, at that listener.
    Accepted(ResourceId),
}

impl Resource {
    pub(super) fn opening(entry: Arc<Entry>, remote: Box<dyn Remote>, origin: Origin) -> Box<Self> {
        Self::new(entry, Driven::Opening { remote, origin, handshaking: false })
    }

    pub(super) fn listening(entry: Arc<Entry>, local: Box<dyn Local>) -> Box<Self> {
        Self::new(entry, Driven::Listening(local))
    }

    fn new(entry: Arc<Entry>, driven: Driven) -> Box<Self> {
        let pending = Readiness::default();
        Box::new(Self {
            entry,
            driven,
            pending,
            listed: false,
            deadline: None,
            registered: false,
            signs: None,
            guests: None,
            place: None,
            redial: None,
        })
    }

    /// Goes from opening to ready and gives the origin, which nobody needs any more.
    pub(super) fn become_ready(&mut self) -> Origin {
        let mut origin = Origin::Connected(None);
        self.change(|driven| match driven {
            Driven::Opening { remote, origin: opened_by, .. } => {
                origin = opened_by;
                Driven::Ready(remote)
            }
            other => other,
        });
        origin
    }

    pub(super) fn begin_closing(&mut self, reason: CloseReason) {
        self.change(|driven| match driven {
            Driven::Opening { remote, .. } | Driven::Ready(remote) => {
                Driven::Closing { remote, reason, flushing: true }
            }
            other => other,
        });
    }

    /// Whether something was sent that the connection has not taken yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.entry.sender.as_ref().is_some_and(|sender| sender.queued() > 0)
    }

    fn change(&mut self, to: impl FnOnce(Driven) -> Driven) {
        let driven = std::mem::replace(&mut self.driven, Driven::Waiting);
        self.driven = to(driven);
    }
}
