//! How messages get from an adapter to the program.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::adapter::{Connection, Flow, ListenerSink, Sink};
use crate::endpoint::Endpoint;
use crate::event_loop::{EventHandler, TimeSlice};
use crate::message::Message;
use crate::registry::{Entry, Held, SharedEntry};
use crate::send_hint::{HintWhileMore, begin_callback};
use crate::shared::Shared;

/// Hands the messages of one connection to the callback.
pub(super) struct ConnectionSink<'a, H> {
    shared: &'a Shared,
    entry: &'a Entry,
    endpoint: Endpoint,
    callback: &'a mut H,
    accepted: &'a mut Vec<Connection>,
    gather: HintWhileMore,
    slice: &'a mut TimeSlice,
    _current: Held,
}

impl<'a, H> ConnectionSink<'a, H> {
    #[inline]
    pub(super) fn new(
        (shared, entry): (&'a Arc<Shared>, &'a SharedEntry),
        callback: &'a mut H,
        (slice, accepted): (&'a mut TimeSlice, &'a mut Vec<Connection>),
    ) -> Self {
        let current = shared.registry.hold_current(entry);
        let (endpoint, gather) = (shared.registry.endpoint(entry), HintWhileMore::default());
        Self { shared, entry, endpoint, callback, accepted, gather, slice, _current: current }
    }
}

impl<H: EventHandler> Sink for ConnectionSink<'_, H> {
    fn accept(&mut self, connection: Connection) -> Flow {
        self.accepted.push(connection);
        Flow::Continue
    }

    fn message(&mut self, message: Message<'_>, more: bool) -> Flow {
        self.gather.set(more);
        if more {
            self.slice.begin(&self.shared.clock);
        }
        let flow = deliver(self.shared, self.entry, (&self.endpoint, message), self.callback);
        if self.slice.count(&self.shared.clock) { Flow::Stop } else { flow }
    }
}

/// Hands the messages of a listener without connections to the callback, and keeps the
/// connections of one with them until they can be started.
pub(super) struct DatagramSink<'a, H> {
    shared: &'a Shared,
    entry: &'a Entry,
    callback: &'a mut H,
    accepted: &'a mut Vec<Connection>,
    gather: HintWhileMore,
    slice: &'a mut TimeSlice,
    _current: Held,
}

impl<'a, H> DatagramSink<'a, H> {
    #[inline]
    pub(super) fn new(
        (shared, entry): (&'a Arc<Shared>, &'a SharedEntry),
        callback: &'a mut H,
        (slice, accepted): (&'a mut TimeSlice, &'a mut Vec<Connection>),
    ) -> Self {
        let current = shared.registry.hold_current(entry);
        let gather = HintWhileMore::default();
        Self { shared, entry, callback, accepted, gather, slice, _current: current }
    }
}

impl<H: EventHandler> ListenerSink for DatagramSink<'_, H> {
    fn accept(&mut self, connection: Connection) -> Flow {
        self.accepted.push(connection);
        Flow::Continue
    }

    fn message(&mut self, from: SocketAddr, message: Message<'_>, more: bool) -> Flow {
        let endpoint = self.entry.endpoint_of(from);
        self.gather.set(more);
        if more {
            self.slice.begin(&self.shared.clock);
        }
        let flow = deliver(self.shared, self.entry, (&endpoint, message), self.callback);
        if self.slice.count(&self.shared.clock) { Flow::Stop } else { flow }
    }
}

/// Runs the callback, unless the program removed the resource or stopped the node: the callback before
/// may have, and other threads do that at any time. Whether it is paused counts after the callback only:
/// the message at hand must not be lost. So the signals that go ahead of the next message, which may
/// pause, are delivered here, before that message is taken.
#[inline(always)]
fn deliver<H: EventHandler>(
    shared: &Shared,
    entry: &Entry,
    (endpoint, message): (&Endpoint, Message<'_>),
    callback: &mut H,
) -> Flow {
    if entry.is_over() || shared.is_stopping() {
        return Flow::Stop;
    }
    begin_callback();
    entry.note_kind(message.kind);
    shared.counters.messages_in.add_alone(1);
    shared.counters.bytes_in.add_alone(message.bytes.len());
    callback.message(endpoint, message.bytes);
    callback.deliver_priority();
    if entry.is_paused() || shared.is_reading_held() { Flow::Stop } else { Flow::Continue }
}
