//! What adapters ask of the loop, and what the program says to them.

use std::any::Any;

use crate::endpoint::ResourceId;
use crate::event_loop::blame::call_adapter;
use crate::event_loop::lending::lend_to_write;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventLoop};
use crate::readiness::Readiness;

/// A call of an adapter that reads nothing.
enum Call {
    Control(Box<dyn Any + Send>),
    Expire,
}

impl EventLoop {
    /// Does what an adapter asked for in the calls just made.
    pub(super) fn fulfil(&mut self, resource: &mut Resource) {
        let wishes = std::mem::take(&mut self.wishes);
        if let Some(deadline) = wishes.deadline {
            self.arm_alarm(resource, deadline);
        }
        if let Some(peer) = wishes.peer {
            self.recount(resource, peer);
            self.shared.registry.note_peer_addr(&resource.entry, wishes.peer);
        }
    }

    /// The same for a resource in its place.
    #[inline]
    pub(super) fn fulfil_at(&mut self, id: ResourceId) {
        if self.wishes.is_some {
            self.fulfil_some(id);
        }
    }

    #[inline(never)] // Few adapters ask for anything.
    fn fulfil_some(&mut self, id: ResourceId) {
        if let Some(mut resource) = self.take_out(id) {
            self.fulfil(&mut resource);
            self.put_back(resource);
        }
    }

    /// The deadline that an adapter has set is over.
    pub(super) fn sound_alarm(&mut self, mut resource: Resource, callback: Callback<'_>) {
        resource.set_alarm(None);
        self.call(resource, Call::Expire, callback);
    }

    /// The program says something to an adapter.
    pub(super) fn control(
        &mut self,
        id: ResourceId,
        value: Box<dyn Any + Send>,
        callback: Callback<'_>,
    ) {
        if let Some(resource) = self.take_out(id) {
            self.call(resource, Call::Control(value), callback);
        }
    }

    fn call(&mut self, mut resource: Resource, call: Call, callback: Callback<'_>) {
        let (id, stage) = (resource.entry.id, resource.stage);
        let parts = (&mut *self.buffer, &mut self.wishes, &self.poller, &*self.shared);
        let mut io = lend_to_write(parts, id);
        let done = match (stage, &mut resource.remote) {
            _ if resource.entry.is_over() => return self.put_back(resource),
            (Stage::Opening { .. } | Stage::Ready, Some(remote)) => {
                call_adapter(remote.type_name(), || match call {
                    Call::Control(value) => remote.control(&mut io, value),
                    Call::Expire => remote.expire(&mut io),
                })
                .unwrap_or_else(Err)
            }
            (Stage::Listening { .. }, _) => {
                let Some(local) = resource.local() else { return self.put_back(resource) };
                call_adapter(local.type_name(), || match call {
                    Call::Control(value) => local.control(&mut io, value),
                    Call::Expire => local.expire(&mut io),
                })
            }
            _ => return self.put_back(resource),
        };
        self.fulfil(&mut resource);
        match (done, stage) {
            (Err(reason), Stage::Opening { .. }) => self.fail(resource, reason, callback),
            (Err(reason), Stage::Ready) => self.end(resource, reason, callback),
            (_, Stage::Opening { .. }) => self.open(resource, Readiness::default(), callback),
            (_, Stage::Listening { .. }) => {
                self.put_back(resource);
                self.mark_ready(id, Readiness::READABLE);
            }
            _ => self.put_back(resource),
        }
    }
}
