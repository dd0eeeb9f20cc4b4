//! Running the loop while the program can't be told: what it is to hear waits.

use std::io;
use std::time::Instant;

use crate::endpoint::ResourceId;
use crate::event_loop::{Callback, EventLoop, Wait};
use crate::net_event::NetEvent;
use crate::readiness::Readiness;

impl EventLoop {
    /// Runs the loop without telling the program anything until `done` or `until`: events wait in
    /// the node, messages in the kernel, unless nobody will ever ask for them.
    pub(crate) fn run_unheard(
        &mut self,
        until: Option<Instant>,
        done: impl Fn() -> bool,
    ) -> io::Result<()> {
        self.holding = !self.shared.notifications.is_abandoned();
        // A connect may be refused, and so done, before there is anything to wait for.
        let wait = || match until {
            _ if done() => Wait::No,
            Some(until) => Wait::Until(until),
            None => Wait::Forever,
        };
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let mut result = Ok(());
        while result.is_ok() && !done() && !is_over() && !self.shared.is_stopping() {
            result = self.turn_unheard(&wait);
        }
        self.stop_holding();
        result
    }

    /// Does what handles asked for while nobody runs the loop.
    pub(crate) fn drain_commands_holding(&mut self) {
        self.holding = !self.shared.notifications.is_abandoned();
        self.outlive_adapters(&mut |_: NetEvent<'_>| {}, |it, callback| {
            it.drain_commands(callback);
        });
        self.stop_holding();
    }

    /// Serves what is ready now without telling the program anything, while nobody runs the loop.
    pub(crate) fn go_on_unheard(&mut self) {
        self.holding = !self.shared.notifications.is_abandoned();
        if let Err(error) = self.turn_unheard(&|| Wait::No) {
            tracing::debug!(%error, "the network can't be polled"); // Whoever runs the loop is told.
        }
        self.stop_holding();
    }

    /// One turn, of which the program is told nothing.
    pub(super) fn turn_unheard(&mut self, wait: &dyn Fn() -> Wait) -> io::Result<()> {
        self.outlive_adapters(&mut |_: NetEvent<'_>| {}, |it, callback| it.turn(wait, callback))
    }

    fn stop_holding(&mut self) {
        self.holding = false;
        self.waker.hear_again(); // What was of no use then.
        for id in std::mem::take(&mut self.held) {
            self.mark_ready(id, Readiness::default());
        }
    }

    /// Keeps readiness until the program can be told of what it brings. What waits to be sent is written.
    #[inline(never)]
    pub(super) fn hold(&mut self, id: ResourceId, readiness: Readiness) {
        let Some(resource) = self.resource(id) else { return };
        resource.pending.merge(readiness);
        if let Some(sender) = resource.entry.sender.as_ref().filter(|_| readiness.writable) {
            sender.flush();
        }
        self.held.insert(id);
    }

    #[inline(never)] // Only behind a `connect_sync`.
    pub(super) fn deliver_kept_events(&mut self, callback: Callback<'_>) {
        while !self.holding && !self.must_stop() {
            self.become_busy();
            // Before an event is taken, for a signal may remove what it is about.
            if !callback.prepare() {
                return;
            }
            let Some(event) = self.shared.kept_events.pop() else {
                self.has_kept_events = false;
                return;
            };
            self.tell(event.borrow(), callback);
        }
    }
}
