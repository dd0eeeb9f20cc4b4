//! Signs of life: connections that are silent when silence is not legitimate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventLoop};

/// When a connection was last heard of, and last asked. Kept only for those that are watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    heard: Instant,
    asked: Instant,
}

impl EventLoop {
    /// Starts or goes on to watch a connection that is to be watched, after a read that brought
    /// something or not. Timers are not moved at each read: when one is over, it is seen how long
    /// the silence has really been.
    pub(super) fn watch(&mut self, resource: &mut Resource, heard: bool) {
        if !resource.is_to_be_watched() {
            return;
        }
        let now = self.shared.clock.now();
        match &mut resource.seldom().signs {
            Some(signs) if heard => signs.heard = now,
            Some(_) => {}
            signs => *signs = Some(Signs { heard: now, asked: now }),
        }
        // A message may have begun that is to go on sooner than the silence is to end.
        let due = resource.due();
        if due.is_some_and(|due| resource.deadline().is_none_or(|armed| due < armed)) {
            self.arm_watch(resource, now);
        }
    }

    /// The deadline of a connection that is ready is over.
    pub(super) fn check_liveness(&mut self, mut resource: Resource, callback: Callback<'_>) {
        let (Some(mut signs), true) = (resource.signs(), resource.is_to_be_watched()) else {
            resource.seldom().signs = None;
            resource.settle();
            return self.put_back(resource);
        };
        let now = self.shared.clock.now();
        if resource.pending.is_readable() {
            // The peer has said something that waits to be read: the callback took its time, or the
            // program does not want to read.
            signs.heard = now;
            resource.seldom().signs = Some(signs);
        }
        let silence = now.saturating_duration_since(signs.heard);
        let limits = Arc::clone(resource.entry.limits());
        if resource.is_inside_message() && silence >= limits.message_timeout {
            return self.end(resource, CloseReason::MessageTimeout, callback);
        }
        if limits.idle_timeout.is_some_and(|idle| silence >= idle) {
            return self.end(resource, CloseReason::IdleTimeout, callback);
        }
        let unasked = now.saturating_duration_since(signs.heard.max(signs.asked));
        if limits.heartbeat.is_some_and(|heartbeat| unasked >= heartbeat) {
            signs.asked = now;
            resource.seldom().signs = Some(signs);
            if let (Stage::Ready, Some(remote)) = (resource.stage, &mut resource.remote) {
                remote.heartbeat();
            }
        }
        self.arm_watch(&mut resource, now);
        self.put_back(resource);
    }

    fn arm_watch(&mut self, resource: &mut Resource, now: Instant) {
        if let Some(due) = resource.due() {
            // Not at once again, whatever the limits are.
            let after = due.saturating_duration_since(now).max(Duration::from_millis(1));
            self.arm(resource, after);
        }
    }
}

impl Resource {
    /// When it is to be seen whether the connection is silent for too long.
    fn due(&self) -> Option<Instant> {
        let signs = self.signs()?;
        let limits = self.entry.limits();
        let inside = self.is_inside_message().then_some(limits.message_timeout);
        let silence = inside.into_iter().chain(limits.idle_timeout).min();
        let due = [
            silence.and_then(|silence| signs.heard.checked_add(silence)),
            limits.heartbeat.and_then(|time| signs.heard.max(signs.asked).checked_add(time)),
        ];
        due.into_iter().flatten().min()
    }

    fn is_inside_message(&self) -> bool {
        let remote = self.remote.as_ref().filter(|_| matches!(self.stage, Stage::Ready));
        remote.is_some_and(|remote| remote.is_inside_message())
    }

    pub(super) fn is_to_be_watched(&self) -> bool {
        let limits = self.entry.limits();
        limits.idle_timeout.is_some() || limits.heartbeat.is_some() || self.is_inside_message()
    }
}
