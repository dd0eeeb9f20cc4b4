//! Executing the commands of handles, and serving the resources that the loop was notified of.

use crate::event_loop::resource::Resource;
use crate::event_loop::{Callback, EventLoop};
use crate::readiness::Readiness;
use crate::shared::Command;

/// Commands executed in one turn, and notifications served, so that a flood of them starves nobody.
const COMMANDS_PER_TURN: usize = 4096;

impl EventLoop {
    /// Does what handles asked for, without waiting or serving.
    #[inline]
    pub(crate) fn drain_commands(&mut self, callback: Callback<'_>) {
        if self.has_news() {
            self.drain_pending(callback);
        }
    }

    /// Does what handles asked for. Returns whether the turn must end.
    #[inline(never)] // Mostly there are no news.
    pub(super) fn heed(&mut self, callback: Callback<'_>) -> bool {
        self.drain_pending(callback);
        self.must_stop()
    }

    /// Whether there may be commands, notifications, or anything else that handles tell the loop: also while it must
    /// stop.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.waker.is_rung()
    }

    fn drain_pending(&mut self, callback: Callback<'_>) {
        self.waker.hear();
        callback.heard();
        self.note_coalescing();
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = self.shared.next_command() else { break };
            self.become_busy();
            self.execute(command, callback);
        }
        for _ in 0..COMMANDS_PER_TURN {
            let Some((id, readiness)) = self.shared.notifications.pop() else { break };
            match readiness {
                Readiness::WRITABLE => self.flush(id, callback),
                Readiness { readable: false, writable: false, ended: false } => {
                    self.watch_outbox(id);
                }
                _ => self.mark_ready(id, readiness),
            }
        }
        if self.shared.has_pending() || self.must_stop() {
            self.waker.hear_again();
        }
    }

    fn execute(&mut self, command: Command, callback: Callback<'_>) {
        match command {
            Command::Connect(entry, new, outcome) => {
                self.start(Resource::connecting(entry, new, outcome), callback);
            }
            Command::Reconnected(id, connection) => self.reconnected(id, connection, callback),
            Command::Adopt(entry, new, alarm) => {
                let mut resource = Resource::connecting(entry, new, None);
                self.arm_alarm(&mut resource, alarm);
                match self.register(&mut resource) {
                    Ok(()) => self.become_ready(resource, callback),
                    Err(error) => self.fail(resource, (&error).into(), callback),
                }
            }
            Command::Listen(entry, local, driver) => {
                let mut resource = Resource::listening(entry, local);
                resource.set_driver(driver);
                if let Err(reason) = self.start_driver(&resource) {
                    tracing::warn!(listener = %resource.entry.id, %reason, "a listener has no driver");
                }
                self.make_room(resource.entry.id);
                self.try_listening(&mut resource);
                self.put_back(resource);
            }
            Command::Control(id, value) => self.control(id, value, callback),
            Command::Remove(id) => {
                self.shared.kept_events.remove(id);
                self.remove(id);
            }
            Command::GiveUp(id, reason) => self.give_up(id, reason, callback),
            Command::Resume(id) => {
                self.mark_ready(id, Readiness::READABLE);
                self.tell_untold(id, callback);
            }
            Command::ResumeAll => self.resume_all(),
        }
    }

    /// Serves again what became ready while nothing was read.
    fn resume_all(&mut self) {
        let waiting =
            self.resources.iter().flatten().filter(|resource| resource.pending.is_readable());
        let ids: Vec<_> = waiting.map(|resource| resource.entry.id).collect();
        ids.into_iter().for_each(|id| self.mark_ready(id, Readiness::READABLE));
    }
}
