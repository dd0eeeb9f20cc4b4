//! Listeners: polling them, and taking in what they accept.

use std::time::Duration;

use crate::adapter::{Accepting, Connection};
use crate::close_reason::CloseReason;
use crate::endpoint::{ResourceId, ResourceType};
use crate::event_loop::delivery::DatagramSink;
use crate::event_loop::lending::{lend, lend_to_write};
use crate::event_loop::resource::{Counted, Resource, Stage};
use crate::event_loop::{Callback, EventHandler, EventLoop, find};
use crate::net_event::NetEvent;
use crate::readiness::Readiness;
use crate::registry::{NewEntry, SharedEntry};
use crate::shared::warnings::Warning;

/// Connections a listener may accept in one turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Time until a listener that ran out of descriptors or memory tries again.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

impl EventLoop {
    /// Takes in what a listener has. It stays in its place meanwhile.
    #[inline(always)]
    pub(super) fn listen<H: EventHandler>(
        &mut self,
        id: ResourceId,
        readiness: Readiness,
        callback: &mut H,
    ) {
        let Some(resource) = find(&mut self.resources, id) else { return };
        let Some((entry, local, pending)) = resource.listener() else { return };
        if readiness.writable {
            let mut io =
                lend_to_write((&mut self.buffer, &mut self.wishes, &self.poller, &self.shared), id);
            local.flush(&mut io);
        }
        if entry.is_paused() || self.shared.is_reading_held() {
            pending.merge(readiness);
            return self.fulfil_at(id);
        }
        let budget = match entry.sender {
            Some(_) if self.holding => {
                pending.merge(readiness);
                self.held.insert(id);
                return self.fulfil_at(id);
            }
            Some(_) => entry.limits().read_budget.min(self.share),
            None => ACCEPTS_PER_TURN,
        };
        if entry.is_over() {
            return self.fulfil_at(id); // The loop has not come to its removal.
        }
        let parts = (&mut *self.buffer, &mut self.wishes, &self.poller, &*self.shared);
        let mut io = lend(parts, (id, budget, readiness));
        io.single_event = self.single_event;
        let parts = (&mut self.slice, &mut self.accepted);
        let mut sink = DatagramSink::new((&self.shared, entry), callback, parts);
        let messages = self.shared.counters.messages_in.get();
        let accepting = local.ready(&mut io, &mut sink);
        drop(sink);
        self.fulfil_at(id);
        let has_accepted = !self.accepted.is_empty();
        match accepting {
            Accepting::Exhausted => self.accept_later(id),
            Accepting::Unfinished => self.listen_later(id, readiness, has_accepted, messages),
            Accepting::MayHaveMore => self.mark_may_have_more(id),
            Accepting::Drained => {}
        }
        if has_accepted {
            self.accept_all(id, callback);
        }
    }

    /// More is there to be taken in. `messages` had come before, and perhaps connections since.
    #[inline(always)]
    fn listen_later(&mut self, id: ResourceId, readiness: Readiness, took: bool, messages: u64) {
        let has_messages = self.shared.counters.messages_in.get() != messages;
        self.note_unfinished(id, has_messages || took);
        self.mark_ready(id, readiness);
    }

    #[inline(never)] // Hardly ever.
    fn accept_later(&mut self, id: ResourceId) {
        self.shared.counters.accept_exhausted.add_alone(1);
        if self.shared.warnings.may_warn(Warning::AcceptExhausted) {
            tracing::warn!(listener = %id, "out of descriptors or memory: accepting later");
        }
        if let Some(mut listener) = self.take_out(id) {
            self.arm(&mut listener, ACCEPT_RETRY_DELAY);
            self.put_back(listener);
        }
    }

    /// Takes in what came to a listener, or with a connection.
    #[inline(never)]
    pub(super) fn accept_all(&mut self, listener: ResourceId, callback: Callback<'_>) {
        for connection in std::mem::take(&mut self.accepted) {
            // A callback may remove the listener.
            if self.resource(listener).is_none_or(|resource| resource.entry.is_over()) {
                return;
            }
            self.accept(listener, connection, callback);
        }
    }

    /// Whether the program may be told now that `listener` accepted a connection. If the listener is
    /// removed, the connection is closed; if it is paused, the program is told when it goes on.
    pub(super) fn may_tell_of(&mut self, id: ResourceId, listener: ResourceId) -> bool {
        let Some(at) = self.resource(listener).filter(|it| !it.entry.is_over()) else {
            self.shared.reasons.replace(id, CloseReason::Removed);
            if let Some(resource) = self.take_out(id) {
                resource.entry.end();
                self.close(resource, CloseReason::Removed);
            }
            return false;
        };
        if !at.entry.is_paused() {
            return true;
        }
        at.transient_mut().untold.push(id);
        self.untold.insert(id);
        if let Some(resource) = self.resource(id) {
            resource.entry.set_paused(true); // What it says comes behind.
        }
        false
    }

    /// Tells of connections that were accepted while their listener was paused.
    pub(super) fn tell_untold(&mut self, listener: ResourceId, callback: Callback<'_>) {
        let Some(at) = self.resource(listener).filter(|it| it.has_untold()) else { return };
        for id in std::mem::take(&mut at.transient_mut().untold) {
            let Some(resource) = self.resource(id).filter(|it| !it.entry.is_over()) else {
                continue; // Its end may be kept for who runs the loop next, and is not told either.
            };
            let entry = SharedEntry::clone(&resource.entry);
            entry.set_paused(false);
            self.untold.remove(&id);
            self.mark_ready(id, Readiness::READABLE);
            self.emit(
                NetEvent::Accepted(self.shared.registry.endpoint(&entry), listener),
                callback,
            );
        }
    }

    /// The listener is gone: nobody will be told of what it has accepted and not told of.
    pub(super) fn drop_untold(&mut self, listener: ResourceId) {
        let admissions = &self.admissions;
        let is_untold = |resource: &&Resource| {
            matches!(resource.stage, Stage::Opening { .. })
                && resource.admission.is_some_and(|id| admissions.listener(id) == listener)
        };
        let mut ids: Vec<_> =
            self.resources.iter().flatten().filter(is_untold).map(|it| it.entry.id).collect();
        if let Some(at) = self.resource(listener) {
            ids.append(&mut at.take_untold());
        }
        self.close_untold(ids);
    }

    /// Closes connections that the program was not told of, and will not be.
    pub(super) fn close_untold(&mut self, ids: Vec<ResourceId>) {
        for id in ids {
            let Some(resource) = self.take_out(id) else { continue }; // As in `tell_untold`.
            self.untold.remove(&id);
            resource.entry.end();
            self.shared.reasons.replace(id, CloseReason::Removed);
            self.close(resource, CloseReason::Removed);
        }
    }

    pub(super) fn accept(
        &mut self,
        listener: ResourceId,
        connection: Connection,
        callback: Callback<'_>,
    ) {
        // A proxy says later for whom it connects: no address is counted for it until then.
        let peer = (!connection.remote.names_peer()).then(|| *connection.peer.socket_addr());
        let counted = peer.filter(|_| connection.peer.is_socket_addr());
        let Some(admission) = self.try_admit(listener, counted) else {
            return self.note_turned_away(listener, &connection.peer);
        };
        let new = NewEntry {
            tag: listener.adapter_id(),
            kind: ResourceType::Remote,
            addr: connection.peer,
            limits: connection.remote.limits(),
            sender: Some(connection.remote.sender()),
        };
        let Some(entry) = self.shared.registry.insert(new) else {
            self.release_place(admission, peer);
            self.shared.counters.turned_away.add_alone(1);
            return;
        };
        let id = entry.id;
        let mut resource = Resource::accepted(entry, connection.remote, admission);
        resource.set_driver(connection.driver);
        resource.set_counted(if peer.is_some() { Counted::ForPeer } else { Counted::ForNobody });
        self.start(resource, callback);
        self.begin_handshake(id);
    }

    /// Registers a listener, or sees to it that this is tried again.
    pub(super) fn try_listening(&mut self, resource: &mut Resource) {
        match self.register(resource) {
            Ok(()) => resource.stage = Stage::Listening { registered: true },
            Err(error) => {
                let listener = resource.entry.id;
                tracing::warn!(%listener, %error, "a listener could not be polled; trying again");
                self.arm(resource, ACCEPT_RETRY_DELAY);
            }
        }
    }
}
