//! Admitting connections to listeners, and giving up handshakes for newer ones.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::address::RemoteAddr;
use crate::endpoint::ResourceId;
use crate::event_loop::EventLoop;
use crate::event_loop::admission::AdmissionId;
use crate::event_loop::resource::{Resource, Stage};
use crate::shared::warnings::Warning;

impl EventLoop {
    /// Admits a connection from `peer` to the listener, if there is a place.
    pub(super) fn try_admit(
        &mut self,
        listener: ResourceId,
        peer: &RemoteAddr,
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
        self.admissions.get(id).try_admit(peer, &limits).then_some(id)
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
        let (peer, limits) =
            (resource.entry.profile.socket_addr(), Arc::clone(resource.entry.limits()));
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
            handshakes.end(&entry.profile.socket_addr(), entry.id);
        }
    }

    /// Closes a connection that shakes hands, or whose handshake failed, at once.
    fn give_up_handshake(&mut self, id: ResourceId) {
        let Some(resource) = self.take_out(id) else { return };
        if matches!(resource.stage, Stage::Opening { .. }) {
            self.shared.counters.refused.add_alone(1);
        }
        let peer = &resource.entry.profile;
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
            self.admissions.release(admission, &resource.entry.profile.socket_addr());
        }
        if let Some(admission) = resource.admits() {
            self.admissions.close(admission);
        }
    }

    /// One that was admitted never came to be a connection.
    pub(super) fn release_place(&mut self, id: AdmissionId, peer: &SocketAddr) {
        self.admissions.release(id, peer);
    }
}
