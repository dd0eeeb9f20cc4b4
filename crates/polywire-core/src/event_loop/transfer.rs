//! Connections that carry messages.

use crate::adapter::{Received, Remote};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::activity::Read;
use crate::event_loop::blame::call_adapter;
use crate::event_loop::delivery::ConnectionSink;
use crate::event_loop::lending::{lend, lend_to_write};
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventHandler, EventLoop, find};
use crate::readiness::Readiness;

/// Bytes that an adapter read by a call, of what it might.
#[inline(always)]
fn bytes_read(remote: &dyn Remote, before: usize, left: usize) -> usize {
    debug_assert!(left <= before, "{}: `Io::budget` is only used up", remote.type_name());
    before.saturating_sub(left)
}

impl EventLoop {
    /// Reads and writes a connection that is ready. It stays in its place meanwhile.
    #[inline(always)]
    pub(super) fn transfer<H: EventHandler>(
        &mut self,
        id: ResourceId,
        readiness: Readiness,
        callback: &mut H,
    ) {
        let Some(mut resource) = find(&mut self.resources, id) else { return };
        let Resource { entry, remote: Some(remote), pending, .. } = resource else { return };
        let (mut received, mut read) = (Received::Drained, Read::default());
        let parts = (&mut *self.buffer, &mut self.wishes, &self.poller, &*self.shared);
        let mut io = lend(parts, (id, entry.limits().read_budget.min(self.share), readiness));
        if readiness.writable {
            if let Err(reason) = remote.flush(&mut io) {
                received = Received::Ended(reason);
            }
        }
        let (budget, messages) = (io.budget, self.shared.counters.messages_in.get());
        if entry.is_paused() || self.shared.is_reading_held() {
            pending.merge(Readiness { writable: false, ..readiness }); // Until it is resumed.
        } else if readiness.readable && received == Received::Drained && !entry.is_over() {
            io.single_event = self.single_event;
            let parts = (&mut self.slice, &mut self.accepted);
            let mut sink = ConnectionSink::new((&self.shared, entry), callback, parts);
            received = remote.receive(&mut io, &mut sink);
            read.bytes = bytes_read(&**remote, budget, io.budget);
            if io.half_received > 0 || entry.half_received() > 0 {
                read.has_messages = self.shared.counters.messages_in.get() != messages;
                self.shared.count_half_received(entry, io.half_received);
            }
        }
        if self.wishes.is_some || !self.accepted.is_empty() {
            self.fulfil_at(id);
            self.accept_all(id, callback);
            let Some(again) = find(&mut self.resources, id) else { return };
            resource = again;
        }
        match received {
            Received::Ended(reason) => return self.end_at(id, reason, callback),
            _ if !resource.notes_reads() => {}
            // More of it is there, perhaps whole messages: a read that finds no more tells.
            Received::Unfinished if resource.activity().is_none() => {}
            _ => self.watch_at(id, read),
        }
        match received {
            Received::Unfinished => self.read_later(id, readiness, read.bytes > 0, messages),
            Received::MayHaveMore => self.mark_may_have_more(id),
            Received::Drained | Received::Ended(_) => {}
        }
    }

    /// More is there to be read. `messages` had come before this read, which may have taken something.
    #[inline(always)]
    fn read_later(&mut self, id: ResourceId, readiness: Readiness, took: bool, messages: u64) {
        let has_messages = self.shared.counters.messages_in.get() != messages;
        self.note_unfinished(id, took || has_messages);
        self.mark_ready(id, Readiness { writable: false, readable: true, ..readiness });
    }

    #[inline(never)] // Few connections are watched, and few reads end inside a message.
    fn watch_at(&mut self, id: ResourceId, read: Read) {
        let Some(mut resource) = self.take_out(id) else { return };
        self.watch(&mut resource, read);
        self.put_back(resource);
    }

    #[inline(never)]
    fn end_at(&mut self, id: ResourceId, reason: CloseReason, callback: Callback<'_>) {
        if let Some(resource) = self.take_out(id) {
            self.end(resource, reason, callback);
        }
    }

    /// Writes what waits on one connection or listener.
    pub(super) fn flush(&mut self, id: ResourceId, callback: Callback<'_>) {
        let Some(resource) = find(&mut self.resources, id) else { return };
        let mut io =
            lend_to_write((&mut self.buffer, &mut self.wishes, &self.poller, &self.shared), id);
        match (resource.stage, &mut resource.remote) {
            (Stage::Ready, Some(remote)) => {
                let flushed = call_adapter(remote.type_name(), || remote.flush(&mut io));
                if let Err(reason) = flushed.unwrap_or_else(Err) {
                    return self.end_at(id, reason, callback);
                }
                self.fulfil_at(id);
            }
            (Stage::Opening { .. } | Stage::Closing { .. }, _) => {
                self.mark_ready(id, Readiness::WRITABLE);
            }
            _ => {
                if let Some(local) = resource.local() {
                    let flushed = call_adapter(local.type_name(), || local.flush(&mut io));
                    if let Err(fault) = flushed {
                        return self.end_faulty(id, fault, callback);
                    }
                    self.fulfil_at(id);
                }
            }
        }
    }
}
