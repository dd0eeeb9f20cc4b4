//! Watching connections: silence, messages that do not go on, peers that take nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::activity::{Activity, Read};
use crate::event_loop::blame::call_adapter;
use crate::event_loop::lending::lend_to_write;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventLoop};

impl EventLoop {
    /// Starts or goes on to watch a connection that is to be watched, after a read. Timers are not
    /// moved at each read: when one is over, it is seen how long nothing has really happened.
    pub(super) fn watch(&mut self, resource: &mut Resource, read: Read) {
        if !resource.notes_reads() {
            return;
        }
        let (now, is_inside_message) = (self.shared.clock.now(), resource.is_inside_message());
        let activity = resource.transient_mut().activity.get_or_insert_with(|| Activity::new(now));
        activity.note_read(read, is_inside_message, now);
        self.arm_watch(resource, now);
    }

    /// More than the soft mark waits to be sent: from now on it is watched whether the peer takes it.
    pub(super) fn watch_outbox(&mut self, id: ResourceId) {
        let Some(mut resource) = self.take_out(id) else { return };
        if let (Stage::Ready, Some(bytes)) = (resource.stage, resource.taken()) {
            let now = self.shared.clock.now();
            let activity =
                resource.transient_mut().activity.get_or_insert_with(|| Activity::new(now));
            activity.watch_outbox(bytes, now);
            self.arm_watch(&mut resource, now);
        }
        self.put_back(resource);
    }

    /// The deadline of a connection that is ready is over; `late`, if nobody could look for so long.
    pub(super) fn check_activity(
        &mut self,
        mut resource: Resource,
        late: Option<Duration>,
        callback: Callback<'_>,
    ) {
        let (Some(mut activity), true) =
            (resource.activity().copied(), resource.is_to_be_watched())
        else {
            resource.transient_mut().activity = None;
            resource.shrink();
            return self.put_back(resource);
        };
        let now = self.shared.clock.now();
        let limits = Arc::clone(resource.entry.limits());
        if resource.pending.is_readable() {
            // The peer has said something that waits to be read: the callback took its time, or the
            // program does not want to read.
            activity.note_read(
                Read { bytes: 1, has_messages: true },
                activity.message.is_some(),
                now,
            );
        }
        activity.note_taken(resource.taken(), now);
        let reason = activity
            .end(&limits, now)
            .filter(|reason| *reason != CloseReason::Stalled || resource.is_crowded());
        resource.transient_mut().activity = Some(activity);
        if let (Some(reason), None) = (&reason, late) {
            return self.end(resource, reason.clone(), callback);
        }
        if let Err(fault) = self.send_heartbeat(&mut resource) {
            return self.end(resource, fault, callback);
        }
        match late {
            Some(late) if reason.is_some() => self.extend(resource, late),
            _ => {
                self.arm_watch(&mut resource, now);
                self.put_back(resource);
            }
        }
    }

    /// The time of a connection that still writes behind its end is over.
    pub(super) fn flush_late(&mut self, mut resource: Resource) {
        if !self.lets_go_on(&mut resource) {
            return self.lose(resource, CloseReason::LingerTimeout);
        }
        let patience = resource.entry.limits().stall_timeout;
        self.arm(&mut resource, patience);
        self.put_back(resource);
    }

    /// Whether a peer that was answered in the place of a handshake has more time to read, now that its linger
    /// time is over: so it does as long as it takes something in each stall timeout, which is how rarely much
    /// of what the system keeps for it may move. A node that stops does not stay for it.
    fn lets_go_on(&self, resource: &mut Resource) -> bool {
        if !resource.is_answered() || self.shared.is_stopping() {
            return false;
        }
        // A layer may hold the rest, of which nobody counts how much goes: once it has more time.
        let taken = resource.taken().unwrap_or(u64::MAX);
        let limits = Arc::clone(resource.entry.limits());
        let now = self.shared.clock.now();
        let activity = resource.transient_mut().activity.get_or_insert_with(|| Activity::new(now));
        let least = limits.min_message_rate as f64 * limits.stall_timeout.as_secs_f64();
        let took = activity.outbox.map(|before| taken.saturating_sub(before.bytes()));
        activity.watch_outbox(taken, now);
        took.is_none_or(|took| took > 0 && took as f64 >= least)
    }

    /// Asks a peer for a sign of life that has given none for so long, if that is wanted.
    fn send_heartbeat(&mut self, resource: &mut Resource) -> Result<(), CloseReason> {
        let Some(mut activity) = resource.activity().copied() else { return Ok(()) };
        let (now, id) = (self.shared.clock.now(), resource.entry.id);
        if activity.is_to_be_asked(resource.entry.limits(), id, now) {
            activity.last_ping = now;
            resource.transient_mut().activity = Some(activity);
            let parts = (&mut *self.buffer, &mut self.wishes, &self.poller, &*self.shared);
            let mut io = lend_to_write(parts, id);
            if let Some(remote) = &mut resource.remote {
                let sent = call_adapter(remote.type_name(), || remote.heartbeat(&mut io));
                self.fulfil(resource);
                return sent;
            }
        }
        Ok(())
    }

    /// Sees to it that the connection is looked at in time. What is to be seen sooner than so far moves
    /// its deadline.
    fn arm_watch(&mut self, resource: &mut Resource, now: Instant) {
        let (limits, id) = (Arc::clone(resource.entry.limits()), resource.entry.id);
        let Some(due) = resource.activity().and_then(|activity| activity.due(&limits, id)) else {
            return;
        };
        if resource.deadline().is_none_or(|armed| due < armed) {
            // Not at once again, whatever the limits are.
            let after = due.saturating_duration_since(now).max(Duration::from_millis(1));
            self.arm(resource, after);
        }
    }
}

impl Resource {
    #[inline]
    fn is_inside_message(&self) -> bool {
        matches!(self.stage, Stage::Ready) && self.entry.half_received() > 0
    }

    /// Bytes that the system took of what waits to be sent.
    fn taken(&self) -> Option<u64> {
        self.entry.sender.as_ref()?.taken()
    }

    /// Whether more waits to be sent than a peer should leave waiting.
    pub(super) fn is_crowded(&self) -> bool {
        let sender = self.entry.sender.as_ref();
        sender.is_some_and(|sender| sender.queued() > self.entry.limits().outbox_soft_mark)
    }

    /// Whether what a read brings is to be noted.
    #[inline]
    pub(super) fn notes_reads(&self) -> bool {
        let limits = self.entry.limits();
        limits.idle_timeout.is_some()
            || limits.heartbeat.is_some()
            || self.is_inside_message()
            || self.activity().is_some_and(|activity| activity.message.is_some())
    }

    fn is_to_be_watched(&self) -> bool {
        self.notes_reads() || self.activity().is_some_and(|activity| activity.outbox.is_some())
    }
}
