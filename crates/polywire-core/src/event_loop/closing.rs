//! How connections and the loop itself come to their end.

use std::time::{Duration, Instant};

use crate::adapter::{Closing, Wishes};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::faults::checked_reason;
use crate::event_loop::lending::lend;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventLoop, Wait};
use crate::net_event::NetEvent;
use crate::readiness::Readiness;
use crate::registry::{self, Entry, SharedEntry};
use crate::shared::warnings::Warning;

/// How long a stopped node waits for the peers' own end once all it had to say is written. A peer
/// that is about to close does within this; one that is not must not hold the program up.
const PEER_CLOSE_WAIT: Duration = Duration::from_millis(3);

/// How far the end of a loop is.
#[derive(Debug)]
pub(crate) struct ShutDown {
    /// When peers have had their time, once all is written.
    over: Option<Instant>,
}

impl EventLoop {
    /// A connection that was ready is over.
    pub(super) fn end(
        &mut self,
        mut resource: Resource,
        reason: CloseReason,
        callback: Callback<'_>,
    ) {
        self.prepare(callback);
        let reason = checked_reason(&mut resource, reason);
        let Some(resource) = self.reconnect_later(resource, &reason, callback) else { return };
        let entry = SharedEntry::clone(&resource.entry);
        let registry = &self.shared.registry;
        let peer = || registry.remote_addr(&entry);
        tracing::debug!(endpoint = %entry.id, peer = %peer(), %reason, "connection ended");
        self.warn_of(&entry, &reason);
        if entry.end() == registry::EntryState::Over {
            self.untold.remove(&entry.id);
            // Removed meanwhile, or stopped: if something did not go out, its closing tells.
            let reason = self.shared.reasons.get(entry.id).unwrap_or(reason);
            return self.close(resource, reason);
        }
        self.shared.reasons.replace(entry.id, reason.clone());
        self.shared.counters.count_end(&reason);
        // Before it is closed: then the registry forgets an address that came up since.
        let endpoint = self.shared.registry.endpoint(&entry);
        self.close(resource, reason);
        self.tell(NetEvent::Disconnected(endpoint), callback);
    }

    /// Ends what was given up because the node is full.
    pub(super) fn give_up(&mut self, id: ResourceId, reason: CloseReason, callback: Callback<'_>) {
        let Some(resource) = self.take_out(id) else { return };
        match resource.stage {
            Stage::Ready => self.end(resource, reason, callback),
            Stage::Opening { .. } if !resource.entry.is_over() => {
                self.fail(resource, reason, callback);
            }
            Stage::Opening { .. } | Stage::Closing { .. } => {
                self.lose(resource, reason);
            }
            Stage::Waiting | Stage::Listening { .. } => self.put_back(resource),
        }
    }

    /// Tells the log of an end that somebody may want to do something about.
    fn warn_of(&self, entry: &Entry, reason: &CloseReason) {
        let (kind, advice) = match reason {
            CloseReason::OutboxLimit { .. } | CloseReason::Stalled => (
                Warning::SlowReader,
                "closed a peer that reads too slowly; use try_send, or raise the outbox limits",
            ),
            CloseReason::NodeMemory => {
                (Warning::NodeMemory, "closed a connection: the node is full; see NodeLimits")
            }
            _ => return,
        };
        if self.shared.warnings.may_warn(kind) {
            let peer = self.shared.registry.remote_addr(entry);
            tracing::warn!(endpoint = %entry.id, %peer, %reason, "{advice}");
        }
    }

    /// Begins to close a connection gracefully; the program has been told or needs not be.
    pub(super) fn close(&mut self, mut resource: Resource, reason: CloseReason) {
        if matches!(reason, CloseReason::Removed | CloseReason::NodeStopped) {
            let entry = &resource.entry;
            tracing::debug!(resource = %entry.id, addr = %entry.profile, %reason, "closing");
        }
        let untold = resource.take_untold(); // Of a connection: what came with it.
        resource.begin_closing(reason);
        self.shared.change_half_received(&resource.entry, 0);
        let linger = resource.entry.limits().linger;
        self.arm(&mut resource, linger);
        self.go_on_closing(resource, Readiness::BOTH);
        self.close_untold(untold);
    }

    pub(super) fn remove(&mut self, id: ResourceId) {
        if id.is_local() {
            self.drop_untold(id);
        }
        let Some(mut resource) = self.take_out(id) else { return };
        match resource.stage {
            Stage::Waiting => self.forget(resource),
            Stage::Listening { .. } => {
                let reason = self.shared.reasons.get(id).unwrap_or(CloseReason::Removed);
                self.close(resource, reason);
            }
            Stage::Ready => self.close(resource, CloseReason::Removed),
            Stage::Opening { .. } if resource.is_removed() => self.put_back(resource),
            Stage::Opening { .. } if resource.has_unsent() => {
                // What was accepted for sending goes out as soon as the connection is ready.
                let reason = self.shared.reasons.get(id).unwrap_or(CloseReason::Removed);
                resource.be_removed(reason);
                let linger = resource.entry.limits().linger;
                self.arm(&mut resource, linger);
                self.put_back(resource);
            }
            Stage::Opening { .. } => self.close(resource, CloseReason::Removed),
            Stage::Closing { .. } => self.put_back(resource),
        }
    }

    pub(super) fn go_on_closing(&mut self, mut resource: Resource, readiness: Readiness) {
        let entry = SharedEntry::clone(&resource.entry);
        let Some((mut closed, flushing, reason)) = resource.closing() else {
            // One that waited to be opened again has nothing to close.
            return self.forget(resource);
        };
        let limits = entry.limits();
        let mut io = lend(
            (&mut self.buffer, &mut self.wishes, &self.poller, &self.shared),
            (entry.id, limits.read_budget, readiness),
        );
        let closing = closed.close(&mut io, reason);
        self.wishes = Wishes::default(); // It is called at each readiness, and at no other time.
        *flushing = closing == Closing::Flushing;
        let is_wanted = reason.is_wanted();
        match closing {
            Closing::Failed(failure) if is_wanted => self.lose(resource, failure),
            Closing::Flushing if limits.linger.is_zero() && is_wanted => {
                self.lose(resource, CloseReason::LingerTimeout);
            }
            Closing::Done | Closing::Failed(_) => self.forget(resource),
            _ if limits.linger.is_zero() => self.forget(resource),
            _ => self.put_back(resource),
        }
    }

    /// Forgets a resource of which something that was sent did not go out, for that reason.
    pub(super) fn lose(&mut self, resource: Resource, reason: CloseReason) {
        let entry = &resource.entry;
        tracing::debug!(endpoint = %entry.id, peer = %entry.profile, %reason, "not all was sent");
        if reason == CloseReason::LingerTimeout && self.shared.warnings.may_warn(Warning::Lost) {
            let advice = "closed a peer before all was sent to it; raise Limits::linger, or use \
                          stop_when_drained";
            tracing::warn!(endpoint = %entry.id, peer = %entry.profile, "{advice}");
        }
        self.shared.reasons.correct(entry.id, reason);
        self.forget(resource);
    }

    /// Closes every resource: first gracefully, at most for their linger times, then anyway. No event
    /// is delivered any more.
    pub(crate) fn shut_down(&mut self) {
        let mut end = self.begin_shutting_down();
        while let Some(next_look) = self.next_look(&mut end) {
            if self.turn_unheard(&|| Wait::Until(next_look)).is_err() {
                break;
            }
            // A manual one, which nobody else moves now.
            self.shared.clock.advance(PEER_CLOSE_WAIT / 50);
            // What another thread was opening when the node was stopped may come late.
            self.stop_all();
        }
        self.close_all();
    }

    pub(crate) fn begin_shutting_down(&mut self) -> ShutDown {
        self.drain_commands_holding();
        self.holding = true;
        self.stop_all();
        ShutDown { over: None }
    }

    /// When to look again whether all is closed; `None` once that is so, or has had its time.
    fn next_look(&self, end: &mut ShutDown) -> Option<Instant> {
        self.live().next()?;
        let now = self.shared.clock.now();
        if self.live().all(|it| it.is_written() || self.drivers.are_used(it.entry.id)) {
            let over = *end.over.get_or_insert(now + PEER_CLOSE_WAIT);
            if now >= over {
                return None;
            }
        }
        Some(end.over.unwrap_or(now + PEER_CLOSE_WAIT))
    }

    /// Goes on to close every resource, for a loop that is turned together with others. Returns when the next call
    /// is due at the latest; `None` once all is closed.
    #[allow(dead_code, reason = "called by the seam")]
    pub(crate) fn go_on_shutting_down(&mut self, end: &mut ShutDown) -> Option<Instant> {
        let next_look = match self.turn_unheard(&|| Wait::No) {
            Ok(()) => {
                self.stop_all();
                self.next_look(end)
            }
            Err(_) => None,
        };
        if next_look.is_none() {
            self.close_all();
        }
        next_look
    }

    /// Begins the end of every resource whose end has not begun. A driver reads on for those that have it,
    /// and goes with the last of them.
    fn stop_all(&mut self) {
        let alive =
            self.live().filter(|it| !it.entry.is_over() && !self.drivers.are_used(it.entry.id));
        let ids: Vec<_> = alive.map(|resource| resource.entry.id).collect();
        for id in ids {
            self.stop_resource(id);
        }
    }

    fn stop_resource(&mut self, id: ResourceId) {
        if let Some(resource) = self.resource(id) {
            if matches!(resource.stage, Stage::Closing { .. }) {
                return;
            }
            let entry = SharedEntry::clone(&resource.entry);
            if entry.end() != registry::EntryState::Over {
                self.shared.reasons.replace(id, CloseReason::NodeStopped);
            }
        }
        let Some(resource) = self.take_out(id) else { return };
        match resource.stage {
            Stage::Ready => self.close(resource, CloseReason::NodeStopped),
            _ => {
                self.put_back(resource);
                self.remove(id);
            }
        }
    }

    /// Closes whatever is left, at once.
    fn close_all(&mut self) {
        let slots = 0..self.resources.len();
        // Once more for drivers that the last of those that had them left behind, to be closed in steps.
        for slot in slots.clone().chain(slots) {
            let drivers = &self.drivers;
            let resource = self.resources[slot].take_if(|it| !drivers.are_used(it.entry.id));
            if let Some(resource) = resource {
                resource.entry.end();
                self.shared.reasons.record(resource.entry.id, CloseReason::NodeStopped);
                self.forget(resource);
            }
        }
        self.shared.refuse_commands();
        self.shared.kept_events.clear();
        // One whose adapter panicked while it connected or ended was in none of these places. Its
        // sender holds its socket.
        for id in self.shared.registry.ids() {
            self.shared.registry.with(id, Entry::end);
            self.shared.reasons.record(id, CloseReason::NodeStopped);
            self.shared.registry.remove(id);
        }
    }

    fn live(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().flatten()
    }
}

impl Resource {
    /// Whether all that was accepted for sending is written.
    fn is_written(&self) -> bool {
        matches!(self.stage, Stage::Closing { flushing: false, .. })
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.close_all();
    }
}
