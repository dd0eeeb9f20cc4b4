//! Connections on which nothing moves that should: silent ones, messages that do not go on, and peers
//! that take nothing of what waits for them.

use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::limits::Limits;

/// Looks during a stall timeout: a stall is seen so much of it late at most.
const CHECKS_PER_STALL_TIMEOUT: u32 = 8;

/// What a connection that is watched did last. Kept only for those.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    pub(super) last_received: Instant,
    pub(super) last_ping: Instant,
    /// The message that has begun to arrive, since it began or, if that is longer than the message
    /// timeout ago, since the last look at its rate.
    pub(super) message: Option<Period>,
    /// What the system took of the outbox, while something waits there.
    pub(super) outbox: Option<Taken>,
}

/// Bytes received since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    since: Instant,
    bytes: usize,
}

/// Bytes taken so far, since when no more were, and when that was seen last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
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

impl Taken {
    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self { last_received: now, last_ping: now, message: None, outbox: None }
    }

    /// Notes what a read brought, behind which the connection is inside a message or not.
    pub(super) fn note_read(&mut self, read: Read, is_inside_message: bool, now: Instant) {
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

    /// Starts to watch the outbox, of which the system has taken `taken` bytes so far.
    pub(super) fn watch_outbox(&mut self, taken: u64, now: Instant) {
        self.outbox = Some(Taken { bytes: taken, since: now, seen: now });
    }

    /// Notes how much the system took of what waits. To take some of it is a sign of life.
    pub(super) fn note_taken(&mut self, taken: Option<u64>, now: Instant) {
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
    pub(super) fn end(&mut self, limits: &Limits, now: Instant) -> Option<CloseReason> {
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

    /// Whether the peer is to be asked for a sign of life.
    pub(super) fn is_to_be_asked(&self, limits: &Limits, id: ResourceId, now: Instant) -> bool {
        let unasked = now.saturating_duration_since(self.last_received.max(self.last_ping));
        heartbeat_of(limits, id).is_some_and(|heartbeat| unasked >= heartbeat)
    }

    /// When it is to be looked at next.
    pub(super) fn due(&self, limits: &Limits, id: ResourceId) -> Option<Instant> {
        let message = self.message.map(|message| message.since.min(self.last_received));
        let times = [
            (message, Some(limits.message_timeout)),
            (Some(self.last_received), limits.idle_timeout),
            (Some(self.last_received.max(self.last_ping)), heartbeat_of(limits, id)),
            (
                self.outbox.map(|taken| taken.seen),
                Some(limits.stall_timeout / CHECKS_PER_STALL_TIMEOUT),
            ),
        ];
        times.into_iter().filter_map(|(since, after)| since?.checked_add(after?)).min()
    }
}

/// The time without a sign of life after which that connection's peer is asked for one: up to a quarter less
/// than [`Limits::heartbeat`], each connection by a part of its own. So thousands that were accepted at once
/// are not asked at once.
fn heartbeat_of(limits: &Limits, id: ResourceId) -> Option<Duration> {
    let heartbeat = limits.heartbeat?;
    // Multiples of the golden ratio, without their whole part, lie as evenly as any number of them can.
    let part = (id.slot() as u32).wrapping_mul(0x9e37_79b9);
    Some(heartbeat - (heartbeat / 4).mul_f64(f64::from(part) / f64::from(u32::MAX)))
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
