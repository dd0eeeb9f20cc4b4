//! Admitting connections to listeners, and giving up handshakes for newer ones.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::adapter::Opening;
use crate::endpoint::ResourceId;
use crate::event_loop::EventLoop;
use crate::event_loop::admission::AdmissionId;
use crate::event_loop::resource::{Counted, Resource, Stage};
use crate::registry::SharedEntry;
use crate::shared::warnings::Warning;

impl EventLoop {
    /// Admits a connection from `peer` to the listener, if there is a place. `None` is counted for no address.
    pub(super) fn try_admit(
        &mut self,
        listener: ResourceId,
        peer: Option<SocketAddr>,
    ) -> Option<AdmissionId> {
        if self.shared.is_full() {
            return None;
        }
        let resource = self.resource(listener)?;
        let limits = Arc::clone(resource.entry.limits());
        let id = match resource.admits() {
            Some(id) => id,
            None => self.open_admission(listener)?,
        };
        self.admissions.get(id).try_admit(peer.as_ref(), &limits).then_some(id)
    }

    fn open_admission(&mut self, listener: ResourceId) -> Option<AdmissionId> {
        let id = self.admissions.open(listener);
        self.resource(listener)?.transient_mut().admits = Some(id);
        Some(id)
    }

    /// An accepted connection has begun. If it shakes hands, it counts as doing so, and another makes
    /// room for it if need be.
    pub(super) fn begin_handshake(&mut self, id: ResourceId) {
        let Some(resource) = self.resource(id).filter(|resource| resource.shakes_hands()) else {
            return; // It is ready, or gone.
        };
        let Some(admission) = resource.admission else { return };
        let limits = Arc::clone(resource.entry.limits());
        let entry = SharedEntry::clone(&resource.entry);
        let peer = self.shared.registry.peer_addr(&entry);
        let handshakes = &mut self.admissions.get(admission).handshakes;
        handshakes.begin(&peer, id);
        if handshakes.count > limits.max_handshakes {
            if let Some(oldest) = handshakes.to_give_up() {
                self.give_up_handshake(oldest);
            }
        }
    }

    /// The handshake of an accepted connection is over.
    pub(super) fn end_handshake(&mut self, resource: &Resource) {
        if let Some(admission) = resource.admission {
            let entry = &resource.entry;
            let handshakes = &mut self.admissions.get(admission).handshakes;
            handshakes.end(&self.shared.registry.peer_addr(entry), entry.id);
        }
    }

    /// Closes a connection that shakes hands, or whose handshake failed, at once.
    fn give_up_handshake(&mut self, id: ResourceId) {
        let Some(resource) = self.take_out(id) else { return };
        if matches!(resource.stage, Stage::Opening { .. }) {
            self.shared.counters.refused.add_alone(1);
        }
        let peer = self.shared.registry.remote_addr(&resource.entry);
        tracing::debug!(%peer, "gave up the oldest handshake of an address");
        if self.shared.warnings.may_warn(Warning::Handshakes) {
            tracing::warn!(%peer, "gives up handshakes: max_handshakes are under way");
        }
        resource.entry.end();
        self.forget(resource);
    }

    /// The connection or listener is gone.
    pub(super) fn release(&mut self, resource: &Resource) {
        if let Some(admission) = resource.admission {
            if resource.shakes_hands() {
                self.end_handshake(resource);
            }
            let peer = self.shared.registry.peer_addr(&resource.entry);
            let is_counted = resource.counted() != Counted::ForNobody;
            self.admissions.release(admission, is_counted.then_some(&peer));
        }
        if let Some(admission) = resource.admits() {
            self.admissions.close(admission);
        }
    }

    /// One that was admitted never came to be a connection.
    pub(super) fn release_place(&mut self, id: AdmissionId, peer: Option<SocketAddr>) {
        self.admissions.release(id, peer.as_ref());
    }

    /// As [`fulfil`](Self::fulfil) after `open`. `None` if the peer turns out to have one connection too many.
    pub(super) fn fulfil_opening(
        &mut self,
        mut resource: Resource,
        opening: &Opening,
    ) -> Option<Resource> {
        self.fulfil(&mut resource);
        let is_unnamed = *opening == Opening::Ready && resource.counted() == Counted::ForNobody;
        if is_unnamed && self.shared.registry.remote_addr(&resource.entry).is_socket_addr() {
            // It is the peer that the listener saw.
            let peer = self.shared.registry.peer_addr(&resource.entry);
            self.recount(&mut resource, peer);
        }
        if resource.counted() != Counted::TooMany {
            return Some(resource);
        }
        if let Some(admission) = resource.admission {
            let peer = self.shared.registry.remote_addr(&resource.entry);
            self.note_turned_away(self.admissions.listener(admission), &peer);
        }
        resource.entry.end();
        self.forget(resource);
        None
    }

    /// The peer of an accepted connection has that address from now on: counts it there.
    pub(super) fn recount(&mut self, resource: &mut Resource, peer: SocketAddr) {
        let Some(admission) = resource.admission else { return };
        let entry = &resource.entry;
        let before = self.shared.registry.peer_addr(entry);
        let admission = self.admissions.get(admission);
        admission.handshakes.rename((&before, &peer), entry.id);
        let counted = (resource.counted() != Counted::ForNobody).then_some(&before);
        let fits = admission.recount(counted, &peer, entry.limits());
        // One that is ready stays, wherever it moves.
        let is_opening = matches!(resource.stage, Stage::Opening { .. });
        resource.set_counted(match fits {
            false if is_opening => Counted::TooMany,
            _ => Counted::ForPeer,
        });
    }

    pub(super) fn note_turned_away(&self, listener: ResourceId, peer: &impl fmt::Display) {
        self.shared.counters.turned_away.add_alone(1);
        if self.shared.warnings.may_warn(Warning::TurnedAway) {
            tracing::warn!(%listener, %peer, "turned peers away: the listener or node is full");
        }
    }
}
