//! Connections on their way to being ready.

use std::io;
use std::sync::Arc;

use crate::adapter::Opening;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::activity::Read;
use crate::event_loop::blame::call_adapter;
use crate::event_loop::faults::checked_reason;
use crate::event_loop::lending::{lend, lend_to_write};
use crate::event_loop::resource::{Origin, Resource, Stage};
use crate::event_loop::{Callback, EventLoop};
use crate::net_event::NetEvent;
use crate::readiness::Readiness;
use crate::registry::{self, Entry, SharedEntry};

impl EventLoop {
    /// Takes a new connection into the loop.
    pub(super) fn start(&mut self, mut resource: Resource, callback: Callback<'_>) {
        if let Err(reason) = self.start_driver(&resource) {
            return self.fail(resource, reason, callback);
        }
        match self.register(&mut resource) {
            Ok(()) => self.open(resource, Readiness::BOTH, callback),
            Err(error) => self.fail(resource, (&error).into(), callback),
        }
    }

    pub(super) fn register(&mut self, resource: &mut Resource) -> io::Result<()> {
        let id = resource.entry.id;
        self.make_room(id);
        let mut io =
            lend_to_write((&mut self.buffer, &mut self.wishes, &self.poller, &self.shared), id);
        let registered = if let Some(remote) = &mut resource.remote {
            call_adapter(remote.type_name(), || remote.register(&mut io))
        } else if let Some(local) = resource.local() {
            call_adapter(local.type_name(), || local.register(&mut io))
        } else {
            Ok(Ok(()))
        };
        self.fulfil(resource);
        registered.unwrap_or_else(|reason| Err(reason.into()))
    }

    pub(super) fn open(
        &mut self,
        mut resource: Resource,
        readiness: Readiness,
        callback: Callback<'_>,
    ) {
        let Resource { entry, remote: Some(remote), stage: Stage::Opening { .. }, .. } =
            &mut resource
        else {
            return;
        };
        let limits = entry.limits();
        let mut io = lend(
            (&mut self.buffer, &mut self.wishes, &self.poller, &self.shared),
            (entry.id, limits.read_budget, readiness),
        );
        let opening = call_adapter(remote.type_name(), || remote.open(&mut io))
            .unwrap_or_else(Opening::Failed);
        self.shared.change_half_received(entry, io.half_received);
        let timeouts = Arc::clone(limits);
        let Some(mut resource) = self.fulfil_opening(resource, &opening) else { return };
        let Stage::Opening { handshaking } = &mut resource.stage else { return };
        match opening {
            Opening::Connecting => {
                let timeout = timeouts.connect_timeout;
                if resource.deadline().is_none() {
                    self.arm(&mut resource, timeout);
                }
                self.put_back(resource);
            }
            Opening::Handshaking => {
                let timeout = timeouts.handshake_timeout;
                let begun = std::mem::replace(handshaking, true);
                // One that was removed keeps the deadline it has been given to drain.
                if !begun && !resource.entry.is_over() {
                    self.arm(&mut resource, timeout);
                }
                self.put_back(resource);
            }
            Opening::Ready => {
                // That the peer has ended its side already is told no second time.
                resource.pending.merge(Readiness { writable: false, ..readiness });
                self.become_ready(resource, callback);
            }
            Opening::Failed(reason) => self.fail(resource, reason, callback),
        }
    }

    pub(super) fn become_ready(&mut self, mut resource: Resource, callback: Callback<'_>) {
        let entry = SharedEntry::clone(&resource.entry);
        if !entry.become_ready() {
            // Removed meanwhile, or stopped: what was sent before still goes out.
            let reason = self.shared.reasons.get(entry.id).unwrap_or(CloseReason::Removed);
            return self.close(resource, reason);
        }
        let origin = resource.take_origin(&self.admissions);
        if let Some(reconnect) = resource.reconnect() {
            reconnect.note_ready(self.shared.clock.now());
        }
        if let (Origin::Connected(_), Some(remote)) = (&origin, &resource.remote) {
            self.shared.registry.note_peer_addr(&entry, remote.peer_addr());
        }
        resource.stage = Stage::Ready;
        resource.set_deadline(None);
        resource.shrink();
        self.end_handshake(&resource);
        self.watch(&mut resource, Read::default());
        let is_crowded = resource.is_crowded();
        self.put_back(resource);
        if is_crowded {
            self.watch_outbox(entry.id);
        }
        // What came along with the last of the handshake waits already.
        self.mark_ready(entry.id, Readiness::READABLE);
        let endpoint = self.shared.registry.endpoint(&entry);
        match origin {
            Origin::Accepted(listener) => {
                let peer = self.shared.registry.remote_addr(&entry);
                tracing::debug!(endpoint = %entry.id, %peer, %listener, "accepted");
                self.emit(NetEvent::Accepted(endpoint, listener), callback);
            }
            Origin::Connected(outcome) => {
                let peer = endpoint.addr();
                tracing::debug!(endpoint = %entry.id, %peer, "connected");
                if let Some(outcome) = outcome {
                    outcome.set(Ok(()));
                }
                self.emit(NetEvent::Connected(endpoint, true), callback);
            }
        }
    }

    /// The connection did not come to be.
    pub(super) fn fail(
        &mut self,
        mut resource: Resource,
        reason: CloseReason,
        callback: Callback<'_>,
    ) {
        self.prepare(callback);
        let reason = checked_reason(&mut resource, reason);
        let Some(mut resource) = self.reconnect_later(resource, &reason, callback) else { return };
        let entry = SharedEntry::clone(&resource.entry);
        let was_known = entry.end() != registry::EntryState::Over;
        if was_known {
            self.shared.reasons.replace(entry.id, reason.clone());
        } else if resource.has_unsent() {
            self.shared.reasons.correct(entry.id, reason.clone()); // Removed, and what it was to write is lost.
        }
        let origin = resource.take_origin(&self.admissions);
        if let Origin::Accepted(listener) = origin {
            self.count_failed(&entry, listener, &reason); // Before the peer sees its answer.
        }
        // Before it is closed: then the registry forgets an address that came up since.
        let endpoint = self.shared.registry.endpoint(&entry);
        self.close(resource, reason.clone());
        if let Origin::Connected(_) = origin {
            tracing::debug!(endpoint = %entry.id, peer = %entry.profile, %reason, "connect failed");
        }
        match origin {
            Origin::Connected(Some(outcome)) => {
                outcome.set(Err(reason));
            }
            Origin::Connected(None) if was_known => {
                self.tell(NetEvent::Connected(endpoint, false), callback);
            }
            Origin::Connected(None) | Origin::Accepted(_) => {}
        }
    }

    /// A connection that a listener took did not come to be.
    fn count_failed(&self, entry: &Entry, listener: ResourceId, reason: &CloseReason) {
        let peer = self.shared.registry.remote_addr(entry);
        if *reason == CloseReason::Answered {
            self.shared.counters.answered.add_alone(1);
            tracing::debug!(%listener, %peer, "answered what was no handshake");
        } else {
            self.shared.counters.refused.add_alone(1);
            tracing::debug!(%listener, %peer, %reason, "handshake failed");
        }
    }
}
