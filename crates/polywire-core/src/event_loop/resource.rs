//! What the loop knows of one connection or listener.

use std::time::Instant;

use crate::adapter::{Closing, Driver, Io, Local, Reconnect, Remote};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::activity::Activity;
use crate::event_loop::admission::{AdmissionId, Admissions};
use crate::event_loop::blame::call_adapter;
use crate::event_loop::pending::Pending;
use crate::registry::SharedEntry;
use crate::shared::{New, Outcome};
use crate::sync::atomic::Ordering;

/// One connection or listener in the loop.
///
/// Most are open and idle: what they have no use for is [set apart](Transient).
pub(super) struct Resource {
    pub(super) entry: SharedEntry,
    /// What is driven, but for listeners and while there is none.
    pub(super) remote: Option<Box<dyn Remote>>,
    /// Of an accepted connection: where its listener counts it.
    pub(super) admission: Option<AdmissionId>,
    transient: Option<Box<Transient>>,
    pub(super) stage: Stage,
    pub(super) pending: Pending,
}

/// What few resources have at a time.
#[derive(Default)]
pub(super) struct Transient {
    /// When it must be looked at whatever the poller says.
    pub(super) deadline: Option<Instant>,
    /// That is later than it should be, for nobody could look meanwhile.
    is_extended: bool,
    /// When its adapter wants to be called, whatever the poller says.
    alarm: Option<Instant>,
    /// What reads for it and for others.
    driver: Option<Driver>,
    /// What is driven of a listener.
    local: Option<Box<dyn Local>>,
    /// What it did last, if it is watched.
    pub(super) activity: Option<Activity>,
    /// Where a listener counts whom it has accepted.
    pub(super) admits: Option<AdmissionId>,
    /// Whom it is counted for.
    pub(super) counted: Counted,
    /// Connections of a paused listener that are ready, and of which the program does not know.
    pub(super) untold: Vec<ResourceId>,
    /// How it is opened again, if it is to be.
    pub(super) reconnect: Option<Box<dyn Reconnect>>,
    /// Who waits for it to be ready.
    outcome: Option<Outcome>,
    /// Why it is closed.
    reason: Option<Box<CloseReason>>,
}

/// Whose address the listener counts an accepted connection for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counted {
    /// That of its peer.
    #[default]
    ForPeer,
    /// Nobody's yet: a proxy has still to say for whom it connects.
    ForNobody,
    /// That of its peer, who has one too many.
    TooMany,
}

/// How far a resource is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Opening {
        handshaking: bool,
    },
    Ready,
    Closing {
        /// What was accepted for sending is not written yet.
        flushing: bool,
        was_ready: bool,
    },
    /// Ended, to be opened again when the deadline is over.
    Waiting,
    Listening {
        /// Whether the poller knows it.
        registered: bool,
    },
}

/// What is ended in steps.
pub(super) enum Closed<'a> {
    Connection(&'a mut Box<dyn Remote>),
    Listener(&'a mut Box<dyn Local>),
}

impl Closed<'_> {
    /// The next step.
    pub(super) fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        let closing = match self {
            Self::Connection(remote) => {
                call_adapter(remote.type_name(), || remote.close(io, reason))
            }
            Self::Listener(local) => call_adapter(local.type_name(), || local.close(io, reason)),
        };
        closing.unwrap_or_else(Closing::Failed)
    }
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
        entry: SharedEntry,
        New { remote, reconnect, driver }: New,
        outcome: Option<Outcome>,
    ) -> Self {
        let mut resource = Self::opening(entry, remote);
        if reconnect.is_some() || outcome.is_some() || driver.is_some() {
            let transient = resource.transient_mut();
            (transient.reconnect, transient.outcome) = (reconnect, outcome);
            transient.driver = driver;
        }
        resource
    }

    pub(super) fn accepted(
        entry: SharedEntry,
        remote: Box<dyn Remote>,
        admission: AdmissionId,
    ) -> Self {
        Self { admission: Some(admission), ..Self::opening(entry, remote) }
    }

    pub(super) fn listening(entry: SharedEntry, local: Box<dyn Local>) -> Self {
        let mut resource = Self::new(entry, Stage::Listening { registered: false });
        resource.transient_mut().local = Some(local);
        resource
    }

    fn opening(entry: SharedEntry, remote: Box<dyn Remote>) -> Self {
        let stage = Stage::Opening { handshaking: false };
        Self { remote: Some(remote), ..Self::new(entry, stage) }
    }

    fn new(entry: SharedEntry, stage: Stage) -> Self {
        let pending = Pending::default();
        Self { entry, remote: None, admission: None, transient: None, stage, pending }
    }

    /// What it has for a while only, with memory for it.
    pub(super) fn transient_mut(&mut self) -> &mut Transient {
        self.transient.get_or_insert_default()
    }

    /// What is driven of a listener.
    pub(super) fn local(&mut self) -> Option<&mut Box<dyn Local>> {
        self.transient.as_mut()?.local.as_mut()
    }

    /// A listener in its parts.
    #[inline]
    pub(super) fn listener(&mut self) -> Option<(&SharedEntry, &mut Box<dyn Local>, &mut Pending)> {
        let local = self.transient.as_mut()?.local.as_mut()?;
        Some((&self.entry, local, &mut self.pending))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.transient.as_ref()?.deadline
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        if deadline.is_some() || self.transient.is_some() {
            let transient = self.transient_mut();
            (transient.deadline, transient.is_extended) = (deadline, false);
        }
    }

    /// Whether its deadline was extended.
    pub(super) fn is_extended(&self) -> bool {
        self.transient.as_ref().is_some_and(|transient| transient.is_extended)
    }

    pub(super) fn note_extended(&mut self) {
        self.transient_mut().is_extended = true;
    }

    pub(super) fn alarm(&self) -> Option<Instant> {
        self.transient.as_ref()?.alarm
    }

    pub(super) fn set_alarm(&mut self, alarm: Option<Instant>) {
        if alarm.is_some() || self.transient.is_some() {
            self.transient_mut().alarm = alarm;
        }
    }

    /// Whether it waits for that time.
    pub(super) fn is_due_at(&self, at: Instant) -> bool {
        self.deadline() == Some(at) || self.alarm() == Some(at)
    }

    pub(super) fn activity(&self) -> Option<&Activity> {
        self.transient.as_ref()?.activity.as_ref()
    }

    pub(super) fn reconnect(&mut self) -> Option<&mut (dyn Reconnect + 'static)> {
        self.transient.as_mut()?.reconnect.as_deref_mut()
    }

    /// Where a listener counts whom it has accepted, once it has.
    pub(super) fn admits(&self) -> Option<AdmissionId> {
        self.transient.as_ref()?.admits
    }

    pub(super) fn counted(&self) -> Counted {
        self.transient.as_ref().map_or(Counted::ForPeer, |transient| transient.counted)
    }

    pub(super) fn set_counted(&mut self, counted: Counted) {
        if counted != self.counted() {
            self.transient_mut().counted = counted;
        }
    }

    pub(super) fn has_untold(&self) -> bool {
        self.transient.as_ref().is_some_and(|transient| !transient.untold.is_empty())
    }

    pub(super) fn take_untold(&mut self) -> Vec<ResourceId> {
        self.transient.as_mut().map(|it| std::mem::take(&mut it.untold)).unwrap_or_default()
    }

    /// Whether its listener counts it as shaking hands: an accepted one that was never ready.
    pub(super) fn shakes_hands(&self) -> bool {
        !matches!(self.stage, Stage::Ready | Stage::Closing { was_ready: true, .. })
    }

    /// Whether somebody waits for it to be ready.
    pub(super) fn is_awaited(&self) -> bool {
        self.transient.as_ref().is_some_and(|transient| transient.outcome.is_some())
    }

    /// Tells who waits that one address was given up for the next.
    pub(super) fn note_given_up(&self) {
        if let Some(outcome) =
            self.transient.as_ref().and_then(|transient| transient.outcome.as_ref())
        {
            outcome.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What reads for it and for others, if anything does.
    pub(super) fn driver(&self) -> Option<&Driver> {
        self.transient.as_ref()?.driver.as_ref()
    }

    pub(super) fn set_driver(&mut self, driver: Option<Driver>) {
        if driver.is_some() || self.transient.is_some() {
            self.transient_mut().driver = driver;
        }
    }

    /// Gives memory back that holds nothing any more.
    pub(super) fn shrink(&mut self) {
        self.transient.take_if(|transient| transient.is_empty());
    }

    /// Gives the origin, which nobody needs twice.
    pub(super) fn take_origin(&mut self, admissions: &Admissions) -> Origin {
        match self.admission {
            Some(id) => Origin::Accepted(admissions.listener(id)),
            None => Origin::Connected(
                self.transient.as_mut().and_then(|transient| transient.outcome.take()),
            ),
        }
    }

    pub(super) fn begin_closing(&mut self, reason: CloseReason) {
        self.stage = match self.stage {
            Stage::Opening { .. } => Stage::Closing { flushing: true, was_ready: false },
            Stage::Ready | Stage::Listening { .. } => {
                Stage::Closing { flushing: true, was_ready: true }
            }
            other => other,
        };
        self.transient_mut().reason.get_or_insert_with(|| Box::new(reason));
    }

    /// To be closed for that reason as soon as it is ready and has written what was sent.
    pub(super) fn be_removed(&mut self, reason: CloseReason) {
        self.transient_mut().reason.get_or_insert_with(|| Box::new(reason));
    }

    /// Whether [`be_removed`](Self::be_removed) was called, or it is closed.
    pub(super) fn is_removed(&self) -> bool {
        self.transient.as_ref().is_some_and(|transient| transient.reason.is_some())
    }

    /// What is closed, whether it still writes, and why it is closed.
    pub(super) fn closing(&mut self) -> Option<(Closed<'_>, &mut bool, &CloseReason)> {
        let Stage::Closing { flushing, .. } = &mut self.stage else { return None };
        let Transient { reason, local, .. } = &mut **self.transient.as_mut()?;
        let closed = match &mut self.remote {
            Some(remote) => Closed::Connection(remote),
            None => Closed::Listener(local.as_mut()?),
        };
        Some((closed, flushing, reason.as_deref()?))
    }

    /// Whether it ended before it was ready, by an answer of its protocol.
    pub(super) fn is_answered(&self) -> bool {
        let reason = self.transient.as_ref().and_then(|transient| transient.reason.as_deref());
        matches!(self.stage, Stage::Closing { was_ready: false, .. })
            && matches!(reason, Some(CloseReason::Answered | CloseReason::HandshakeRefused(_)))
    }

    /// The name of its adapter's type.
    pub(super) fn type_name(&mut self) -> &'static str {
        match &self.remote {
            Some(remote) => remote.type_name(),
            None => self.local().map_or("an adapter", |local| local.type_name()),
        }
    }

    /// Whether something was sent that the connection has not taken yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.entry.sender.as_ref().is_some_and(|sender| sender.queued() > 0)
    }
}

impl Transient {
    fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                local: None,
                deadline: None,
                is_extended: _,
                alarm: None,
                driver: None,
                activity: None,
                admits: None,
                counted: Counted::ForPeer,
                untold: _,
                reconnect: None,
                outcome: None,
                reason: None
            }
        )
    }
}

#[cfg(all(test, target_pointer_width = "64", not(polywire_sanitized)))]
mod tests {
    use super::*;
    use crate::registry::Entry;

    #[test]
    fn each_of_many_idle_connections_is_small() {
        assert!(size_of::<Resource>() <= 40, "{}", size_of::<Resource>());
        // With the count of an `Arc`.
        assert!(8 + size_of::<Entry>() <= 56, "{}", size_of::<Entry>());
    }
}
