//! Connections on which nothing moves that should: silent ones, messages that do not go on, and peers
//! that take nothing of what waits for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::faults::call_adapter;
use crate::event_loop::resource::{Resource, Stage};
use crate::event_loop::{Callback, EventLoop};
use crate::limits::Limits;

/// Looks during a stall timeout: a stall is seen so much of it late at most.
const LOOKS_PER_STALL: u32 = 8;

/// What a connection that is watched did last. Kept only for those.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    last_received: Instant,
    last_ping: Instant,
    /// The message that has begun to arrive, since it began or, if that is longer than the message
    /// timeout ago, since the last look at its rate.
    message: Option<Period>,
    /// What the system took of the outbox, while something waits there.
    outbox: Option<Taken>,
}

/// Bytes received since.
#[derive(Clone, Copy, Debug)]
struct Period {
    since: Instant,
    bytes: usize,
}

/// Bytes taken so far, since when no more were, and when that was seen last.
#[derive(Clone, Copy, Debug)]
struct Taken {
    bytes: u64,
    since: Instant,
    seen: Instant,
}

/// What a read brought.
#[derive(Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) bytes: usize,
    /// Whether it ended messages.
    pub(super) has_messages: bool,
}

impl Activity {
    fn new(now: Instant) -> Self {
        Self { last_received: now, last_ping: now, message: None, outbox: None }
    }

    /// Notes what a read brought, behind which the connection is inside a message or not.
    fn note_read(&mut self, read: Read, is_inside_message: bool, now: Instant) {
        if read.bytes > 0 {
            self.last_received = now;
        }
        self.message = match self.message {
            _ if !is_inside_message => None,
            Some(message) if !read.has_messages => {
                Some(Period { bytes: message.bytes + read.bytes, ..message })
            }
            _ => Some(Period { since: now, bytes: 0 }),
        };
    }

    /// Notes how much the system took of what waits. To take some of it is a sign of life.
    fn note_taken(&mut self, taken: Option<u64>, now: Instant) {
        self.outbox = match (self.outbox, taken) {
            (_, None) => None,
            (Some(before), Some(bytes)) if before.bytes == bytes => {
                Some(Taken { seen: now, ..before })
            }
            (_, Some(bytes)) => {
                self.last_received = now;
                Some(Taken { bytes, since: now, seen: now })
            }
        };
    }

    /// Whether the message that has begun goes on too slowly, or not at all.
    fn is_message_late(&mut self, limits: &Limits, now: Instant) -> bool {
        let timeout = limits.message_timeout;
        let Some(message) = &mut self.message else { return false };
        if now.saturating_duration_since(self.last_received) >= timeout {
            return true;
        }
        if now.saturating_duration_since(message.since) < timeout {
            return false;
        }
        let least = limits.min_message_rate as f64 * timeout.as_secs_f64();
        let is_slow = (message.bytes as f64) < least;
        *message = Period { since: now, bytes: 0 };
        is_slow
    }

    /// Whether the peer has taken nothing for too long.
    fn is_stalled(&self, limits: &Limits, now: Instant) -> bool {
        let unmoved = self.outbox.map(|taken| now.saturating_duration_since(taken.since));
        unmoved.is_some_and(|unmoved| unmoved >= limits.stall_timeout)
    }

    /// Why it ends now, if it does.
    fn end(&mut self, limits: &Limits, now: Instant) -> Option<CloseReason> {
        let silence = now.saturating_duration_since(self.last_received);
        if self.is_message_late(limits, now) {
            Some(CloseReason::MessageTimeout)
        } else if limits.idle_timeout.is_some_and(|idle| silence >= idle) {
            Some(CloseReason::IdleTimeout)
        } else if self.is_stalled(limits, now) {
            Some(CloseReason::Stalled)
        } else {
            None
        }
    }

    /// When it is to be looked at next.
    fn due(&self, limits: &Limits) -> Option<Instant> {
        let message = self.message.map(|message| message.since.min(self.last_received));
        let times = [
            (message, Some(limits.message_timeout)),
            (Some(self.last_received), limits.idle_timeout),
            (Some(self.last_received.max(self.last_ping)), limits.heartbeat),
            (self.outbox.map(|taken| taken.seen), Some(limits.stall_timeout / LOOKS_PER_STALL)),
        ];
        times.into_iter().filter_map(|(since, after)| since?.checked_add(after?)).min()
    }
}

impl EventLoop {
    /// Starts or goes on to watch a connection that is to be watched, after a read. Timers are not
    /// moved at each read: when one is over, it is seen how long nothing has really happened.
    pub(super) fn watch(&mut self, resource: &mut Resource, read: Read) {
        if !resource.notes_reads() {
            return;
        }
        let (now, is_inside_message) = (self.shared.clock.now(), resource.is_inside_message());
        let activity = resource.seldom().activity.get_or_insert_with(|| Activity::new(now));
        activity.note_read(read, is_inside_message, now);
        self.arm_watch(resource, now);
    }

    /// More than the soft mark waits to be sent: from now on it is watched whether the peer takes it.
    pub(super) fn watch_outbox(&mut self, id: ResourceId) {
        let Some(mut resource) = self.take_out(id) else { return };
        if let (Stage::Ready, Some(bytes)) = (resource.stage, resource.taken()) {
            let now = self.shared.clock.now();
            let activity = resource.seldom().activity.get_or_insert_with(|| Activity::new(now));
            activity.outbox = Some(Taken { bytes, since: now, seen: now });
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
            resource.seldom().activity = None;
            resource.settle();
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
        resource.seldom().activity = Some(activity);
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

    /// Asks a peer for a sign of life that has given none for so long, if that is wanted.
    fn send_heartbeat(&self, resource: &mut Resource) -> Result<(), CloseReason> {
        let heartbeat = resource.entry.limits().heartbeat;
        let (Some(heartbeat), Some(mut activity)) = (heartbeat, resource.activity().copied())
        else {
            return Ok(());
        };
        let now = self.shared.clock.now();
        let unasked = now.saturating_duration_since(activity.last_received.max(activity.last_ping));
        if unasked >= heartbeat {
            activity.last_ping = now;
            resource.seldom().activity = Some(activity);
            if let Some(remote) = &mut resource.remote {
                return call_adapter(|| remote.heartbeat());
            }
        }
        Ok(())
    }

    /// Sees to it that the connection is looked at in time. What is to be seen sooner than so far moves
    /// its deadline.
    fn arm_watch(&mut self, resource: &mut Resource, now: Instant) {
        let limits = Arc::clone(resource.entry.limits());
        let Some(due) = resource.activity().and_then(|activity| activity.due(&limits)) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Whether a message of which each second of a minute brings so many bytes is late at any time.
    fn is_late_at(rate: usize, limits: &Limits) -> bool {
        let start = Instant::now();
        let mut activity = Activity::new(start);
        activity.note_read(Read { bytes: 1, has_messages: false }, true, start);
        (1..=60).any(|second| {
            let now = start + Duration::from_secs(second);
            let is_late = activity.is_message_late(limits, now);
            activity.note_read(Read { bytes: rate, has_messages: false }, true, now);
            is_late
        })
    }

    #[test]
    fn a_message_keeps_its_least_rate_or_is_late() {
        let limits = Limits::default();
        assert!(is_late_at(1, &limits) && is_late_at(1000, &limits));
        assert!(!is_late_at(1100, &limits));
        let any = limits.with_min_message_rate(0);
        assert!(!is_late_at(1, &any) && is_late_at(0, &any));
    }

    #[test]
    fn short_messages_that_are_whole_again_and_again_have_no_rate() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut activity = Activity::new(start);
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            assert!(!activity.is_message_late(&limits, now));
            // Each read ends inside the next message.
            activity.note_read(Read { bytes: 2, has_messages: true }, true, now);
        }
        assert!(activity.is_message_late(&limits, start + Duration::from_secs(599) + TIMEOUT));
    }

    #[test]
    fn a_peer_that_takes_bytes_lives_and_one_that_takes_none_stalls() {
        let (limits, start) = (Limits::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut activity = Activity::new(start);
        for second in (0..300).step_by(4) {
            activity.note_taken(Some(second), at(second));
            assert!(!activity.is_stalled(&limits, at(second)));
        }
        assert_eq!(activity.last_received, at(296));
        activity.note_taken(Some(296), at(325));
        assert!(!activity.is_stalled(&limits, at(325)));
        activity.note_taken(Some(296), at(326));
        assert!(activity.is_stalled(&limits, at(326)));
        activity.note_taken(None, at(326));
        assert!(!activity.is_stalled(&limits, at(1000)));
    }
}
