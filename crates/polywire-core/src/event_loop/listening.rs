//! Listeners: polling them, and taking in what they accept.

use std::time::Duration;

use crate::adapter::{Accepting, Connection};
use crate::endpoint::{ResourceId, ResourceType};
use crate::event_loop::delivery::DatagramSink;
use crate::event_loop::resource::{Driven, Resource};
use crate::event_loop::{Callback, EventLoop, lend, registration};
use crate::network::warnings::Warning;
use crate::poller::Readiness;
use crate::registry::NewEntry;

/// Connections a listener may accept in one turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Time until a listener that ran out of descriptors or memory tries again.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

impl EventLoop {
    pub(super) fn listen(
        &mut self,
        mut resource: Box<Resource>,
        readiness: Readiness,
        callback: Callback<'_>,
    ) {
        let id = resource.entry.id;
        if let (true, Driven::Listening(local)) = (readiness.writable, &mut resource.driven) {
            local.flush(&registration((&self.poller, &self.shared), id));
        }
        if resource.entry.is_paused() || self.shared.is_reading_held() {
            resource.pending = readiness;
            return self.put_back(resource);
        }
        let Driven::Listening(local) = &mut resource.driven else { return };
        let budget = match resource.entry.sender {
            Some(_) if self.holding => {
                resource.pending = readiness;
                self.held.push(id);
                return self.put_back(resource);
            }
            Some(_) => resource.entry.limits.read_budget.min(self.share),
            None => ACCEPTS_PER_TURN,
        };
        let mut io = lend((&mut self.buffer, &self.poller, &self.shared), (id, budget, readiness));
        let mut sink = DatagramSink::new(&self.shared, &resource.entry, callback);
        let accepting = local.ready(&mut io, &mut sink);
        let accepted = sink.into_accepted();
        if accepting == Accepting::Exhausted {
            self.shared.counters.accept_exhausted.add_alone(1);
            if self.shared.warnings.may_warn(Warning::AcceptExhausted) {
                tracing::warn!(listener = %id, "out of descriptors or memory: accepting later");
            }
            self.arm(&mut resource, ACCEPT_RETRY);
        }
        self.put_back(resource);
        if accepting == Accepting::Unfinished {
            self.mark_ready(id, readiness);
        }
        if !accepted.is_empty() {
            self.accept_all(id, accepted, callback);
        }
    }

    #[inline(never)]
    fn accept_all(
        &mut self,
        listener: ResourceId,
        accepted: Vec<Connection>,
        callback: Callback<'_>,
    ) {
        for connection in accepted {
            self.accept(listener, connection, callback);
        }
    }

    pub(super) fn accept(
        &mut self,
        listener: ResourceId,
        connection: Connection,
        callback: Callback<'_>,
    ) {
        let Some(place) = self.place_for(listener, &connection.peer) else {
            self.shared.counters.turned_away.add_alone(1);
            if self.shared.warnings.may_warn(Warning::TurnedAway) {
                let peer = &connection.peer;
                tracing::warn!(%listener, %peer, "turned peers away: the listener or node is full");
            }
            return;
        };
        let peer = *connection.peer.socket_addr();
        let new = NewEntry {
            tag: listener.adapter_id(),
            kind: ResourceType::Remote,
            addr: connection.peer,
            limits: connection.remote.limits(),
            sender: Some(connection.remote.sender()),
        };
        let Some(entry) = self.shared.registry.insert(new) else {
            self.give_back(place, &peer, true);
            self.shared.counters.turned_away.add_alone(1);
            return;
        };
        self.start(Resource::accepted(entry, connection.remote, place), callback);
    }

    /// Registers a listener, or sees to it that this is tried again.
    pub(super) fn try_listening(&mut self, resource: &mut Resource) {
        match self.register(resource) {
            Ok(()) => resource.registered = true,
            Err(error) => {
                let listener = resource.entry.id;
                tracing::warn!(%listener, %error, "a listener could not be polled; trying again");
                self.arm(resource, ACCEPT_RETRY);
            }
        }
    }
}
