//! How resources and the loop itself come to their end.

use std::sync::Arc;
use std::time::Duration;

use crate::adapter::Closing;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::resource::{Driven, Resource};
use crate::event_loop::{EventLoop, Wait, lend};
use crate::network::shared::Command;
use crate::poller::Readiness;

/// How long a stopped node waits for the peers' own end once all it had to say is written. A peer
/// that is about to close does within this; one that is not must not hold the program up.
const FAREWELL: Duration = Duration::from_millis(50);

impl EventLoop {
    pub(super) fn go_on_closing(&mut self, mut resource: Box<Resource>, readiness: Readiness) {
        let Driven::Closing { remote, reason, flushing } = &mut resource.driven else { return };
        let limits = &resource.entry.limits;
        let mut io = lend(
            (&mut self.buffer, &self.poller, &self.shared),
            (resource.entry.id, limits.read_budget, readiness),
        );
        let closing = remote.close(&mut io, reason);
        *flushing = closing == Closing::Flushing;
        if closing == Closing::Done || limits.linger.is_zero() {
            self.forget(resource);
        } else {
            self.put_back(resource);
        }
    }

    /// Ends every resource: first politely, at most for their linger times, then anyway. No event
    /// is delivered any more.
    pub(crate) fn shut_down(&mut self) {
        self.holding = true;
        self.take_mail(&mut |_| {});
        let ids: Vec<_> = self.live().map(|resource| resource.entry.id).collect();
        for id in ids {
            self.stop_resource(id);
        }
        let mut farewell = None;
        while self.live().next().is_some() {
            let now = self.shared.clock.now();
            if self.live().all(Resource::is_written) {
                let over = *farewell.get_or_insert(now + FAREWELL);
                if now >= over {
                    break;
                }
            }
            let next_look = farewell.unwrap_or(now + FAREWELL);
            if self.turn(&|| Wait::Until(next_look), &mut |_| {}).is_err() {
                break;
            }
        }
        self.close_all();
    }

    fn stop_resource(&mut self, id: ResourceId) {
        if let Some(resource) = self.resource(id) {
            if matches!(resource.driven, Driven::Closing { .. }) {
                return;
            }
            let entry = Arc::clone(&resource.entry);
            entry.end();
            self.shared.reasons.record(id, CloseReason::NodeStopped);
        }
        let Some(resource) = self.take_out(id) else { return };
        match resource.driven {
            Driven::Ready(_) => self.close(resource, CloseReason::NodeStopped),
            _ => {
                self.put_back(resource);
                self.remove(id);
            }
        }
    }

    /// Closes whatever is left, at once.
    fn close_all(&mut self) {
        for slot in 0..self.resources.len() {
            if let Some(resource) = self.resources[slot].take() {
                resource.entry.end();
                self.shared.reasons.record(resource.entry.id, CloseReason::NodeStopped);
                self.forget(resource);
            }
        }
        while let Some(command) = self.shared.commands.pop() {
            let (Command::Connect(entry, ..)
            | Command::Adopt(entry, ..)
            | Command::Listen(entry, ..)) = &command
            else {
                continue;
            };
            entry.end();
            self.shared.reasons.record(entry.id, CloseReason::NodeStopped);
            self.shared.registry.remove(entry.id);
            if let Command::Connect(_, _, Some(outcome)) = &command {
                let _ = outcome.set(Err(CloseReason::NodeStopped));
            }
        }
    }

    fn live(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter_map(Option::as_deref)
    }
}

impl Resource {
    /// Whether all that was accepted for sending is written.
    fn is_written(&self) -> bool {
        matches!(self.driven, Driven::Closing { flushing: false, .. })
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.close_all();
    }
}
