//! Waiting for a connection to be ready, on whatever thread.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::adapter::{Io, Opening, Registration, Remote, Wishes};
use crate::clock::Clock;
use crate::close_reason::CloseReason;
use crate::event_loop::blame::{call_adapter, why_timed_out};
use crate::event_loop::{ALARM_PAUSE, earlier};
use crate::network::loop_slot::{Acquired, LoopSlot};
use crate::network::processor::borrow;
use crate::notifier::Notifications;
use crate::poller::{AnyPoller, MioPoller};
use crate::readiness::Readiness;
use crate::registry::{Entry, SharedEntry};
use crate::shared::{Awaited, Command, New, Outcome, Shared};
use crate::sync::atomic::Ordering;

/// Bytes read at a time from a connection that is driven alone.
const BUFFER_BYTES: usize = 64 << 10;

/// Drives a connection just begun, or has it driven, until it is ready. It is removed if this
/// fails.
pub(super) fn wait_until_ready(
    slot: &Arc<LoopSlot>,
    entry: &SharedEntry,
    new: New,
) -> io::Result<()> {
    let shared = &slot.shared;
    let result = if shared.notifications.runs_here() {
        drive_alone(shared, entry, new)
    } else {
        drive_or_wait(slot, entry, new)
    };
    result.map_err(|reason| {
        entry.end();
        shared.reasons.record(entry.id, reason.clone());
        reason.at(&entry.profile)
    })
}

/// Runs the loop as long as nobody else does, else waits for who does.
fn drive_or_wait(slot: &Arc<LoopSlot>, entry: &SharedEntry, new: New) -> Result<(), CloseReason> {
    let shared = &*slot.shared;
    // Weak, for the loop in the slot holds what becomes of the connection.
    let waiting = Arc::downgrade(slot);
    let outcome = Outcome::new(Awaited::new(move || {
        if let Some(slot) = waiting.upgrade() {
            slot.notify();
        }
    }));
    // The loop keeps both timeouts, for each address of the host; this one is for a loop that is held up
    // by the callback.
    let connecting = entry.limits().connect_timeout.saturating_mul(2);
    let patience = connecting.saturating_add(entry.limits().handshake_timeout);
    let mut until = Instant::now().checked_add(patience);
    let mut given_up = 0;
    let mut goes_on = |until: &mut Option<Instant>| {
        let before = std::mem::replace(&mut given_up, outcome.given_up.load(Ordering::Relaxed));
        *until = Instant::now().checked_add(patience);
        given_up > before
    };
    let command = Command::Connect(SharedEntry::clone(entry), new, Some(Arc::clone(&outcome)));
    shared.command(command);
    loop {
        match slot.take(until, || outcome.get().is_some()) {
            Acquired::Free(event_loop) => {
                let done = || outcome.get().is_some() || slot.has_waiters();
                borrow(slot, event_loop, |it| it.run_unheard(until, done))
                    .map_err(|error| CloseReason::from(&error))?;
                let is_over = until.is_some_and(|until| until <= Instant::now());
                if is_over && outcome.get().is_none() && !goes_on(&mut until) {
                    return give_up(shared, entry);
                }
            }
            Acquired::Happened => return outcome_of(&outcome),
            Acquired::Ended => return Err(CloseReason::NodeStopped),
            Acquired::TimedOut if goes_on(&mut until) => {}
            Acquired::TimedOut => return give_up(shared, entry),
        }
    }
}

fn outcome_of(outcome: &Awaited) -> Result<(), CloseReason> {
    outcome.get().cloned().unwrap_or(Err(CloseReason::NodeStopped))
}

fn give_up(shared: &Shared, entry: &Entry) -> Result<(), CloseReason> {
    if !entry.end_unless_ready() {
        return Ok(()); // In the last moment: the program may have been told.
    }
    shared.command(Command::Remove(entry.id));
    Err(CloseReason::ConnectTimeout)
}

/// Drives the connection with a poll of its own: the loop is busy with the callback that called.
fn drive_alone(
    shared: &Arc<Shared>,
    entry: &SharedEntry,
    New { mut remote, reconnect, driver }: New,
) -> Result<(), CloseReason> {
    let failed = |error: io::Error| {
        shared.registry.remove(entry.id);
        CloseReason::from(&error)
    };
    if driver.is_some() {
        let text = "what reads for this connection runs in the loop, which waits for this callback: use connect";
        return Err(failed(io::Error::new(io::ErrorKind::Unsupported, text)));
    }
    let (poller, waker) = MioPoller::new().map_err(failed)?;
    let mut poller = AnyPoller::Mio(poller);
    let notifications = Notifications::new(Arc::new(waker), Clock::default());
    let notifications = Arc::new(notifications.with_dialers(&shared.notifications.dialers));
    notifications.set_running(true);
    let (mut buffer, mut wishes) = (vec![0; BUFFER_BYTES], Wishes::default());
    remote
        .register(&mut alone((&poller, &mut buffer, &mut wishes), entry, &notifications))
        .map_err(failed)?;
    let told = shared.tell_of_stop(&notifications);
    let result =
        open(shared, &mut *remote, entry, (&mut poller, &mut buffer, &mut wishes), &notifications);
    drop(told);
    let mut io = alone((&poller, &mut buffer, &mut wishes), entry, &notifications);
    match result.and_then(|()| remote.deregister(&mut io).map_err(|e| (&e).into())) {
        Ok(()) => {
            // The program is told so on return, before the loop is.
            shared.registry.note_peer_addr(entry, remote.peer_addr());
            entry.become_ready();
            shared.command(Command::Adopt(
                SharedEntry::clone(entry),
                New { remote, reconnect, driver },
                wishes.deadline.flatten(),
            ));
            Ok(())
        }
        Err(reason) => {
            shared.registry.remove(entry.id);
            Err(reason)
        }
    }
}

fn alone<'a>(
    (poller, buffer, wishes): (&'a AnyPoller, &'a mut [u8], &'a mut Wishes),
    entry: &Entry,
    notifications: &'a Arc<Notifications>,
) -> Io<'a> {
    let poller = Some(poller);
    let registration = Registration { poller, id: entry.id, notifications, is_provisional: true };
    let readiness = Readiness { ended: true, ..Readiness::BOTH };
    Io::new(registration, buffer, BUFFER_BYTES, readiness, wishes)
}

/// Polls and opens until the connection is ready, has failed, or is out of time.
fn open(
    shared: &Shared,
    remote: &mut dyn Remote,
    entry: &Entry,
    (poller, buffer, wishes): (&mut AnyPoller, &mut [u8], &mut Wishes),
    notifications: &Arc<Notifications>,
) -> Result<(), CloseReason> {
    let mut polled = Vec::new();
    let mut deadline = Instant::now().checked_add(entry.limits().connect_timeout);
    let (mut handshaking, mut next_alarm) = (false, Instant::now());
    loop {
        let mut io = alone((poller, buffer, wishes), entry, notifications);
        match call_adapter(remote.type_name(), || remote.open(&mut io))
            .unwrap_or_else(Opening::Failed)
        {
            Opening::Ready => return Ok(()),
            Opening::Failed(reason) => return Err(reason),
            Opening::Handshaking if !handshaking => {
                handshaking = true;
                deadline = Instant::now().checked_add(entry.limits().handshake_timeout);
            }
            Opening::Connecting | Opening::Handshaking => {}
        }
        if shared.is_stopping() {
            return Err(CloseReason::NodeStopped);
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            let mut io = alone((poller, buffer, wishes), entry, notifications);
            if !handshaking && remote.next_address(&mut io) {
                deadline = Instant::now().checked_add(entry.limits().connect_timeout);
                continue;
            }
            return Err(why_late(remote, handshaking));
        }
        let alarm = wishes.deadline.flatten().map(|alarm| alarm.max(next_alarm));
        if alarm.is_some_and(|alarm| alarm <= now) {
            next_alarm = now + ALARM_PAUSE;
            wishes.deadline = None;
            let mut io = alone((poller, buffer, wishes), entry, notifications);
            call_adapter(remote.type_name(), || remote.expire(&mut io)).unwrap_or_else(Err)?;
            continue;
        }
        let left = earlier(deadline, alarm).map(|until| until.saturating_duration_since(now));
        notifications
            .wait_for_news(poller, &mut polled, left)
            .map_err(|e| CloseReason::from(&e))?;
    }
}

/// The reason of a connection that is out of time.
fn why_late(remote: &mut dyn Remote, handshaking: bool) -> CloseReason {
    match handshaking {
        true => why_timed_out(remote),
        false => CloseReason::ConnectTimeout,
    }
}
