//! What handles ask of the loop, and what is announced to it.

use crate::event_loop::resource::Resource;
use crate::event_loop::{Callback, EventLoop, id_of};
use crate::network::shared::Command;
use crate::poller::Readiness;

/// Commands and announcements taken at a time, so that a flood of them starves nobody.
const MAIL_PER_LOOK: usize = 4096;

impl EventLoop {
    /// Does what handles asked for, without waiting or serving.
    #[inline]
    pub(crate) fn take_mail(&mut self, callback: Callback<'_>) {
        if self.shared.has_mail() {
            self.take_some_mail(callback);
        }
    }

    #[inline(never)] // Mostly there is none.
    fn take_some_mail(&mut self, callback: Callback<'_>) {
        self.shared.announcements.look_at_mail();
        for _ in 0..MAIL_PER_LOOK {
            let Some(command) = self.shared.next_command() else { break };
            self.become_busy();
            self.obey(command, callback);
        }
        for _ in 0..MAIL_PER_LOOK {
            let Some((id, readiness)) = self.shared.announcements.pop() else { break };
            match readiness {
                Readiness::WRITABLE => self.flush(id, callback),
                Readiness { readable: false, writable: false, ended: false } => {
                    self.watch_outbox(id);
                }
                _ => self.mark_ready(id, readiness),
            }
        }
        self.note_gathering();
        if self.shared.has_more_mail() {
            self.shared.announcements.note_mail();
        }
    }

    fn obey(&mut self, command: Command, callback: Callback<'_>) {
        match command {
            Command::Connect(entry, new, outcome) => {
                self.start(Resource::connecting(entry, new, outcome), callback);
            }
            Command::Redialled(id, connection) => self.redialled(id, connection, callback),
            Command::Adopt(entry, new) => {
                let mut resource = Resource::connecting(entry, new, None);
                match self.register(&mut resource) {
                    Ok(()) => self.become_ready(resource, callback),
                    Err(error) => self.fail(resource, (&error).into(), callback),
                }
            }
            Command::Listen(entry, local) => {
                let mut resource = Resource::listening(entry, local);
                self.make_room(resource.entry.id);
                self.try_listening(&mut resource);
                self.put_back(resource);
            }
            Command::Remove(id) => {
                self.backlog.retain(|event| id_of(event) != id);
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
