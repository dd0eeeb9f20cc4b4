//! Deadlines of resources: arming them, and what their passing means.

use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::blame::{call_adapter, why_timed_out};
use crate::event_loop::lending::lend_to_write;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{ALARM_PAUSE, Callback, EventLoop};
use crate::readiness::Readiness;

/// From when on a deadline comes up late.
const LATE_AFTER: Duration = Duration::from_millis(5);

impl EventLoop {
    /// The time, if there are deadlines that it matters for.
    #[inline]
    pub(super) fn time_for_deadlines(&self) -> Option<Instant> {
        if self.deadlines.is_empty() { None } else { Some(self.shared.clock.now()) }
    }

    /// Sees to the deadlines that are over at `now`, when the poller told of what has been served
    /// since.
    #[inline(always)]
    pub(super) fn fire_deadlines(&mut self, now: Option<Instant>, callback: Callback<'_>) {
        if let Some(now) = now {
            self.fire_deadlines_by(now, callback);
        }
    }

    #[inline(never)]
    fn fire_deadlines_by(&mut self, now: Instant, callback: Callback<'_>) {
        while let Some((at, id)) = self.deadlines.pop_due(now) {
            self.become_busy();
            let Some(mut resource) = self.take_out(id) else { continue };
            if resource.deadline() != Some(at) {
                if resource.alarm() == Some(at) {
                    self.sound_alarm(resource, callback);
                } else {
                    self.put_back(resource);
                }
                continue;
            }
            let was_extended = resource.is_extended();
            resource.set_deadline(None);
            let late = now.duration_since(at);
            let late = (late > LATE_AFTER && !was_extended).then_some(late);
            self.expire(resource, late, callback);
        }
        self.drain_commands(callback); // What was sent meanwhile.
    }

    /// Nobody looked while a callback took its time, or the process was stopped (`SIGSTOP`, a debugger, a
    /// suspended machine). So much time does not count: what the peer did meanwhile is seen first.
    pub(super) fn extend(&mut self, mut resource: Resource, late: Duration) {
        self.arm(&mut resource, late);
        resource.note_extended();
        self.put_back(resource);
    }

    /// The deadline of a resource is over; `late`, if nobody could look for so long.
    pub(super) fn expire(
        &mut self,
        mut resource: Resource,
        late: Option<Duration>,
        callback: Callback<'_>,
    ) {
        if let (Stage::Opening { .. } | Stage::Closing { .. }, Some(late)) = (resource.stage, late)
        {
            return self.extend(resource, late);
        }
        match resource.stage {
            Stage::Opening { .. } if resource.entry.is_over() => {
                let id = resource.entry.id;
                if !resource.is_removed() {
                    // Just now, and so it has its linger time from here on.
                    self.put_back(resource);
                    return self.remove(id);
                }
                self.lose(resource, CloseReason::LingerTimeout);
            }
            Stage::Opening { handshaking: true, .. } => {
                let reason = match &mut resource.remote {
                    Some(remote) => why_timed_out(&mut **remote),
                    None => CloseReason::HandshakeTimeout,
                };
                self.fail(resource, reason, callback);
            }
            Stage::Opening { .. } => {
                if self.turn_to_next_address(&mut resource) {
                    self.put_back(resource);
                } else {
                    self.fail(resource, CloseReason::ConnectTimeout, callback);
                }
            }
            Stage::Closing { flushing: true, .. } => self.flush_late(resource),
            Stage::Closing { .. } => self.forget(resource),
            Stage::Waiting => self.reconnect(resource, callback),
            Stage::Ready => self.check_activity(resource, late, callback),
            Stage::Listening { registered, .. } => {
                if !registered {
                    self.try_listening(&mut resource);
                }
                let id = resource.entry.id;
                self.put_back(resource);
                self.mark_ready(id, Readiness::READABLE);
            }
        }
    }

    pub(super) fn turn_to_next_address(&mut self, resource: &mut Resource) -> bool {
        let parts = (&mut *self.buffer, &mut self.wishes, &self.poller, &*self.shared);
        let mut io = lend_to_write(parts, resource.entry.id);
        let Some(remote) = &mut resource.remote else { return false };
        let turned =
            call_adapter(remote.type_name(), || remote.next_address(&mut io)).unwrap_or(false);
        self.fulfil(resource);
        if turned {
            resource.note_given_up();
            self.arm(resource, resource.entry.limits().connect_timeout);
        }
        turned
    }

    pub(super) fn arm(&mut self, resource: &mut Resource, after: Duration) {
        let Some(at) = self.shared.clock.now().checked_add(after) else {
            resource.set_deadline(None);
            return;
        };
        resource.set_deadline(Some(at));
        self.enter_deadline(resource, at);
    }

    /// As [`arm`](Self::arm), for a deadline that the adapter has set. One that is over already must not keep
    /// the loop busy, and to set it again and again must not put it off.
    pub(super) fn arm_alarm(&mut self, resource: &mut Resource, at: Option<Instant>) {
        let before = resource.alarm();
        resource.set_alarm(None);
        let Some(mut at) = at else { return };
        let now = self.shared.clock.now();
        if at <= now {
            let soon = now + ALARM_PAUSE;
            at = before.map_or(soon, |before| before.min(soon));
        }
        resource.set_alarm(Some(at));
        self.enter_deadline(resource, at);
    }

    fn enter_deadline(&mut self, resource: &Resource, at: Instant) {
        let (resources, id) = (&self.resources, resource.entry.id);
        self.deadlines.arm(at, id, |at, of| match of == id {
            true => resource.is_due_at(at), // It is not in its place.
            false => is_armed(resources, at, of),
        });
    }

    /// When the next resource must be looked at whatever the poller says.
    #[inline]
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        let resources = &self.resources;
        self.deadlines.next(|at, id| is_armed(resources, at, id))
    }
}

/// Whether a resource still waits for that deadline.
fn is_armed(resources: &[Option<Resource>], at: Instant, id: ResourceId) -> bool {
    let found = resources.get(id.slot()).and_then(Option::as_ref);
    found.is_some_and(|resource| resource.entry.id == id && resource.is_due_at(at))
}
