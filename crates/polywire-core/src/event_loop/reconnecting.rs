//! Connections that ended and are opened again.

use std::io;
use std::sync::Arc;

use crate::adapter::{Attempt, Connection, Wishes};
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::blame::call_adapter;
use crate::event_loop::lending::lend;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventLoop};
use crate::net_event::NetEvent;
use crate::readiness::Readiness;
use crate::registry::SharedEntry;
use crate::shared::Command;

impl EventLoop {
    /// Has a connection that ended, or did not come to be, opened again later, and tells the
    /// program by `event` how this one went. Gives it back if it is to end for good.
    pub(super) fn reconnect_later(
        &mut self,
        mut resource: Resource,
        reason: &CloseReason,
        callback: Callback<'_>,
    ) -> Option<Resource> {
        let failed = matches!(resource.stage, Stage::Opening { .. } | Stage::Waiting);
        // Whoever waits for the first attempt is told how it went, and that is all. What the program closed
        // it does not want again.
        let is_final = resource.is_awaited()
            || self.shared.is_stopping()
            || resource.entry.is_over()
            || reason.is_wanted();
        let clock = &self.shared.clock;
        let delay = match resource.reconnect() {
            Some(reconnect) if !is_final => reconnect.next_delay(clock.now(), clock.random()),
            _ => None,
        };
        let Some(delay) = delay else { return Some(resource) };
        let entry = SharedEntry::clone(&resource.entry);
        if !failed && !entry.reopen() {
            return Some(resource);
        }
        self.close_old_connection(&mut resource, reason);
        resource.wait_to_reconnect(failed);
        self.shared.change_half_received(&entry, 0);
        self.shared.reasons.replace(entry.id, reason.clone());
        if entry.is_over() && !self.shared.is_stopping() {
            self.shared.reasons.replace(entry.id, CloseReason::Removed); // By another thread, meanwhile.
        }
        self.arm(&mut resource, delay);
        self.put_back(resource);
        let endpoint = self.shared.registry.endpoint(&entry);
        let event = match failed {
            true => NetEvent::Connected(endpoint, false),
            false => {
                self.shared.counters.count_end(reason);
                NetEvent::Disconnected(endpoint)
            }
        };
        self.emit(event, callback);
        None
    }

    /// Gives the old connection one chance to write what it has to say; it is closed then.
    fn close_old_connection(&mut self, resource: &mut Resource, reason: &CloseReason) {
        let (id, budget) = (resource.entry.id, resource.entry.limits().read_budget);
        if let Some(remote) = &mut resource.remote {
            let parts = (&mut *self.buffer, &mut self.wishes, &self.poller, &*self.shared);
            let mut io = lend(parts, (id, budget, Readiness::BOTH));
            let _ = call_adapter(remote.type_name(), || remote.close(&mut io, reason));
            self.wishes = Wishes::default();
        }
    }

    /// The delay is over. An attempt that may look a name up is made on another thread.
    pub(super) fn reconnect(&mut self, mut resource: Resource, callback: Callback<'_>) {
        let id = resource.entry.id;
        let Some(reconnect) = resource.reconnect() else { return self.put_back(resource) };
        let (attempt, may_block) = (reconnect.attempt(), reconnect.may_block());
        if !may_block {
            self.put_back(resource);
            return self.reconnected(id, made(&attempt), callback);
        }
        self.put_back(resource);
        let shared = Arc::downgrade(&self.shared);
        let started = self.shared.notifications.dialers.run(move || {
            // The node may be gone by now, and nobody needs an address.
            if shared.upgrade().is_some_and(|shared| !shared.is_stopping()) {
                let connection = made(&attempt);
                if let Some(shared) = shared.upgrade() {
                    shared.command(Command::Reconnected(id, connection));
                }
            }
        });
        if let Err(error) = started {
            self.reconnected(id, Err(error), callback);
        }
    }

    /// An attempt has begun, or could not.
    pub(super) fn reconnected(
        &mut self,
        id: ResourceId,
        connection: io::Result<Connection>,
        callback: Callback<'_>,
    ) {
        let Some(mut resource) = self.take_out(id) else { return };
        if resource.entry.is_over() || !matches!(resource.stage, Stage::Waiting) {
            return self.put_back(resource);
        }
        match connection {
            Ok(Connection { remote, driver, .. }) => {
                resource.entry.forget_kind();
                if let Some(reconnect) = resource.reconnect() {
                    reconnect.send_through(Some(remote.sender()));
                }
                resource.remote = Some(remote);
                if resource.entry.is_over() {
                    resource.reconnect().into_iter().for_each(|it| it.sender().end());
                }
                // It had the driver until now, which often is the same.
                let before = resource.driver().cloned();
                resource.set_driver(driver);
                resource.stage = Stage::Opening { handshaking: false };
                self.start(resource, callback);
                self.release_driver(before.as_ref());
            }
            Err(error) => self.fail(resource, CloseReason::of_opening(&error), callback),
        }
    }
}

/// An attempt, which fails where the adapter panics.
fn made(attempt: &Attempt) -> io::Result<Connection> {
    call_adapter("an adapter that connects", || attempt()).unwrap_or_else(|fault| Err(fault.into()))
}

impl Resource {
    /// Has no connection from now on: an attempt `failed`, or one that was ready has ended.
    fn wait_to_reconnect(&mut self, failed: bool) {
        self.remote = None;
        self.stage = Stage::Waiting;
        self.pending.forget();
        self.set_alarm(None);
        let transient = self.transient_mut();
        (transient.activity, transient.deadline) = (None, None);
        if let Some(reconnect) = &transient.reconnect {
            if !failed {
                reconnect.sender().end(); // Signals for when it has room come no more: `Disconnected` tells.
            }
            reconnect.send_through(None);
        }
    }
}
