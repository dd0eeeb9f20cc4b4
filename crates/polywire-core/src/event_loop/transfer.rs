//! Connections that carry messages.

use crate::adapter::{Io, Received, Remote, Sink};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::activity::Read;
use crate::event_loop::blame::call_adapter;
use crate::event_loop::delivery::ConnectionSink;
use crate::event_loop::lending::{lend, lend_to_write};
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventHandler, EventLoop, find};
use crate::readiness::Readiness;
use crate::registry::Entry;
use crate::shared::Shared;

/// Has an adapter read, before which `messages` had come.
#[inline(always)]
fn receive(
    remote: &mut dyn Remote,
    io: &mut Io<'_>,
    sink: &mut dyn Sink,
    (shared, entry, messages): (&Shared, &Entry, u64),
) -> (Received, Read) {
    let budget = io.budget;
    let received = remote.receive(io, sink);
    debug_assert!(io.budget <= budget, "{}: `Io::budget` is only used up", remote.type_name());
    let mut read = Read { bytes: budget.saturating_sub(io.budget), ..Read::default() };
    if io.half_received > 0 || entry.half_received() > 0 {
        read.has_messages = shared.counters.messages_in.get() != messages;
        shared.count_half_received(entry, io.half_received);
    }
    (received, read)
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
        callback.prepare(); // Before a message is taken, for a signal may pause the connection.
        let Some(resource) = find(&mut self.resources, id) else { return };
        let Resource { entry, remote: Some(remote), pending, .. } = resource else { return };
        let budget = entry.limits().read_budget.min(self.share);
        let mut io = lend(
            (&mut self.buffer, &mut self.wishes, &self.poller, &self.shared),
            (id, budget, readiness),
        );
        if readiness.writable {
            if let Err(reason) = remote.flush(&mut io) {
                return self.end_at(id, reason, callback);
            }
        }
        let mut received = Received::Drained;
        let (mut read, messages) = (Read::default(), self.shared.counters.messages_in.get());
        if entry.is_paused() || self.shared.is_reading_held() {
            // Kept until the program wants to read again.
            pending.merge(Readiness { writable: false, ..readiness });
        } else if readiness.readable && !entry.is_over() {
            io.single_event = self.single_event;
            let mut sink = ConnectionSink::new(
                (&self.shared, entry),
                callback,
                (&mut self.slice, &mut self.accepted),
            );
            let counts = (&*self.shared, &**entry, messages);
            (received, read) = receive(&mut **remote, &mut io, &mut sink, counts);
        }
        let resource = if self.wishes.is_some || !self.accepted.is_empty() {
            self.fulfil_at(id);
            self.accept_all(id, callback);
            let Some(resource) = find(&mut self.resources, id) else { return };
            resource
        } else {
            resource
        };
        let is_unfinished = match received {
            Received::Ended(reason) => return self.end_at(id, reason, callback),
            Received::Unfinished => true,
            Received::MayHaveMore => {
                self.mark_may_have_more(id);
                return self.watch_if_due(id, read);
            }
            Received::Drained => false,
        };
        // More of it is there, perhaps whole messages: a read that finds no more tells.
        if resource.notes_reads() && !(is_unfinished && resource.activity().is_none()) {
            self.watch_at(id, read);
        }
        if is_unfinished {
            self.go_on_reading(id, readiness, (read, messages));
        }
    }

    /// Watches a connection that is to be watched.
    #[inline(always)]
    fn watch_if_due(&mut self, id: ResourceId, read: Read) {
        if find(&mut self.resources, id).is_some_and(|resource| resource.notes_reads()) {
            self.watch_at(id, read);
        }
    }

    /// Sees to it that what is left is read. `messages` had come before.
    fn go_on_reading(
        &mut self,
        id: ResourceId,
        readiness: Readiness,
        (read, messages): (Read, u64),
    ) {
        let has_messages = self.shared.counters.messages_in.get() != messages;
        self.note_unfinished(id, read.bytes > 0 || has_messages);
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
                    local.flush(&mut io);
                    self.fulfil_at(id);
                }
            }
        }
    }
}
