//! Telling the program of an event, unless it has removed what that is about.

use crate::close_reason::CloseReason;
use crate::event_loop::{Callback, EventLoop};
use crate::net_event::NetEvent;
use crate::send_hint::begin_callback;

impl EventLoop {
    /// Delivers what goes ahead of an event, which is of something that lives, and then the event.
    pub(super) fn emit(&mut self, event: NetEvent<'_>, callback: Callback<'_>) {
        if self.prepare(callback) {
            self.tell(event, callback);
        }
    }

    /// Delivers the signals that go ahead of an event. What ends is ended after that only: while it
    /// lives, the program may remove it, and is told nothing then.
    pub(super) fn prepare(&self, callback: Callback<'_>) -> bool {
        self.holding || callback.prepare()
    }

    /// Tells the program of something, unless it has removed by now what that is about.
    pub(super) fn tell(&mut self, event: NetEvent<'_>, callback: Callback<'_>) {
        if self.holding {
            self.has_kept_events = true;
            return self.shared.kept_events.push(event);
        }
        if self.must_stop() || self.is_obsolete(&event) {
            return;
        }
        if let NetEvent::Accepted(endpoint, listener) = event {
            if !self.may_tell_of(endpoint.resource_id(), listener) {
                return;
            }
        }
        if let NetEvent::Disconnected(endpoint) = event {
            // Where nobody was told of its beginning, nobody is told of its end.
            if self.untold.remove(&endpoint.resource_id()) {
                return;
            }
        }
        begin_callback();
        callback.event(event);
    }

    /// Whether the program removed the endpoint of an event.
    fn is_obsolete(&self, event: &NetEvent<'_>) -> bool {
        let endpoint = match *event {
            NetEvent::Connected(endpoint, _)
            | NetEvent::Accepted(endpoint, _)
            | NetEvent::Message(endpoint, _)
            | NetEvent::Disconnected(endpoint) => endpoint,
        };
        self.shared.reasons.get(endpoint.resource_id()) == Some(CloseReason::Removed)
    }
}
