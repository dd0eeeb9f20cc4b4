//! What the loop knows of one connection or listener.

use std::sync::Arc;
use std::time::Instant;

use crate::adapter::{Local, Remote};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::guests::{Guests, Place};
use crate::event_loop::liveness::Signs;
use crate::network::shared::{New, Outcome};
use crate::poller::Readiness;
use crate::reconnect::Redial;
use crate::registry::Entry;

/// One connection or listener in the loop.
///
/// Most are open and idle: what they have no use for is [set apart](Seldom).
pub(super) struct Resource {
    pub(super) entry: Arc<Entry>,
    pub(super) driven: Driven,
    /// Of an accepted connection: the place that it takes at its listener.
    pub(super) place: Option<Place>,
    seldom: Option<Box<Seldom>>,
    /// Readiness not served yet.
    pub(super) pending: Readiness,
    /// Whether it is in the list of those to be served.
    pub(super) listed: bool,
    /// Whether the poller knows it (listeners only).
    pub(super) registered: bool,
    /// Whether it counts as shaking hands at its listener.
    pub(super) shakes_hands: bool,
}

/// What few resources have at a time.
#[derive(Default)]
pub(super) struct Seldom {
    /// When it must be looked at whatever the poller says.
    pub(super) deadline: Option<Instant>,
    /// When it was heard of, if it is watched.
    pub(super) signs: Option<Signs>,
    /// Whom a listener has accepted.
    pub(super) guests: Option<Box<Guests>>,
    /// How it is opened again, if it is to be.
    pub(super) redial: Option<Box<Redial>>,
    /// Who waits for it to be ready.
    outcome: Option<Outcome>,
    /// Why it is closed.
    reason: Option<Box<CloseReason>>,
}

/// The stage of a resource, with what is driven in it.
pub(super) enum Driven {
    Opening {
        remote: Box<dyn Remote>,
        handshaking: bool,
    },
    Ready(Box<dyn Remote>),
    Closing {
        remote: Box<dyn Remote>,
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
    /// A connection that the program opens; with an outcome if somebody waits for it.
    pub(super) fn connecting(
        entry: Arc<Entry>,
        New { remote, redial }: New,
        outcome: Option<Outcome>,
    ) -> Box<Self> {
        let mut resource = Self::new(entry, Driven::Opening { remote, handshaking: false });
        if redial.is_some() || outcome.is_some() {
            let seldom = resource.seldom();
            (seldom.redial, seldom.outcome) = (redial, outcome);
        }
        resource
    }

    pub(super) fn accepted(entry: Arc<Entry>, remote: Box<dyn Remote>, place: Place) -> Box<Self> {
        let mut resource = Self::new(entry, Driven::Opening { remote, handshaking: false });
        (resource.place, resource.shakes_hands) = (Some(place), true);
        resource
    }

    pub(super) fn listening(entry: Arc<Entry>, local: Box<dyn Local>) -> Box<Self> {
        Self::new(entry, Driven::Listening(local))
    }

    fn new(entry: Arc<Entry>, driven: Driven) -> Box<Self> {
        let pending = Readiness::default();
        Box::new(Self {
            entry,
            driven,
            place: None,
            seldom: None,
            pending,
            listed: false,
            registered: false,
            shakes_hands: false,
        })
    }

    /// What it seldom has, with memory for it.
    pub(super) fn seldom(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.seldom.as_ref()?.deadline
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        if deadline.is_some() || self.seldom.is_some() {
            self.seldom().deadline = deadline;
        }
    }

    pub(super) fn signs(&self) -> Option<Signs> {
        self.seldom.as_ref()?.signs
    }

    pub(super) fn redial(&mut self) -> Option<&mut Redial> {
        self.seldom.as_mut()?.redial.as_deref_mut()
    }

    pub(super) fn guests(&mut self) -> Option<&mut Guests> {
        self.seldom.as_mut()?.guests.as_deref_mut()
    }

    /// Whether somebody waits for it to be ready.
    pub(super) fn is_awaited(&self) -> bool {
        self.seldom.as_ref().is_some_and(|seldom| seldom.outcome.is_some())
    }

    /// Gives memory back that holds nothing any more.
    pub(super) fn settle(&mut self) {
        self.seldom.take_if(|seldom| seldom.is_empty());
    }

    /// Goes from opening to ready and gives the origin, which nobody needs any more.
    pub(super) fn become_ready(&mut self) -> Origin {
        self.change(|driven| match driven {
            Driven::Opening { remote, .. } => Driven::Ready(remote),
            other => other,
        });
        match self.place {
            Some(place) => Origin::Accepted(place.listener()),
            None => {
                Origin::Connected(self.seldom.as_mut().and_then(|seldom| seldom.outcome.take()))
            }
        }
    }

    pub(super) fn begin_closing(&mut self, reason: CloseReason) {
        self.change(|driven| match driven {
            Driven::Opening { remote, .. } | Driven::Ready(remote) => {
                Driven::Closing { remote, flushing: true }
            }
            other => other,
        });
        self.seldom().reason.get_or_insert_with(|| Box::new(reason));
    }

    /// To be closed for that reason as soon as it is ready and has written what was sent.
    pub(super) fn be_removed(&mut self, reason: CloseReason) {
        self.seldom().reason.get_or_insert_with(|| Box::new(reason));
    }

    /// Whether [`be_removed`](Self::be_removed) was called, or it is closed.
    pub(super) fn is_removed(&self) -> bool {
        self.seldom.as_ref().is_some_and(|seldom| seldom.reason.is_some())
    }

    /// What is closed, whether it still writes, and why it is closed.
    pub(super) fn closing(&mut self) -> Option<(&mut dyn Remote, &mut bool, &CloseReason)> {
        let Driven::Closing { remote, flushing } = &mut self.driven else { return None };
        Some((&mut **remote, flushing, self.seldom.as_ref()?.reason.as_deref()?))
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

impl Seldom {
    fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                deadline: None,
                signs: None,
                guests: None,
                redial: None,
                outcome: None,
                reason: None
            }
        )
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn each_of_many_idle_connections_is_small() {
        assert!(size_of::<Resource>() <= 56, "{}", size_of::<Resource>());
        // With the two counts of an `Arc`, and what else the registry keeps of it.
        assert!(16 + size_of::<Entry>() <= 72, "{}", size_of::<Entry>());
    }
}
