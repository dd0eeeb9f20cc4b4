//! Every way to send, against every way to run the loop, every end, and the poller's edge: what was taken
//! is written, or somebody has been told of it.

use std::cell::Cell;

use loom::thread;

use super::*;

/// What the other thread does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Sends two messages, the second of which may be left to the loop.
    Send,
    /// Writes what waits.
    Flush,
    /// Sends two messages and writes them, as `send_many` does.
    SendMany,
}

/// What the thread of the loop does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loop {
    /// Turns by `for_each`: it looks, sleeps, wakes, and runs a callback.
    Turns,
    /// One turn by `process_poll_event` or `connect_sync`, and then leaves the loop for good.
    TurnsOnce,
    /// Is in a callback that waits for the other thread.
    Waits,
    /// Nobody has run it so far.
    Never,
}

/// How it ends meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    No,
    /// The peer closes, the program removes the endpoint or stops the node: what was taken is written.
    Ends,
    /// It is given up: nothing is written any more.
    Aborted,
    /// `stop_when_drained`.
    Drains,
}

/// One of them all.
#[derive(Clone, Copy, Debug)]
struct World {
    act: Act,
    run: Loop,
    end: End,
    /// The socket is full at first, and the poller tells of room while all this goes on.
    is_full: bool,
}

const FRAMES: [&[u8]; 3] = [&[1], &[2, 2], &[3, 3]];

/// The loop, as far as the outbox has to do with it.
struct LoopPart {
    outbox: Arc<PipeOutbox>,
    notifications: Arc<Notifications>,
    /// It knows that something was left to it for a moment.
    coalesces: Cell<bool>,
}

impl LoopPart {
    fn drain_commands(&self) {
        if !self.notifications.waker().is_rung() {
            return;
        }
        self.notifications.waker().hear();
        while self.notifications.pop_later().is_some() {
            self.coalesces.set(true);
        }
        while self.notifications.pop().is_some() {
            let _ = self.outbox.flush(); // A failure ends it, below.
        }
    }

    fn become_busy(&self) {
        self.notifications.waker().become_busy();
        if self.coalesces.get() || self.notifications.waker().is_rung() {
            while self.notifications.pop_later().is_some() {
                self.coalesces.set(true);
            }
            if self.coalesces.take() {
                let _ = self.outbox.flush();
            }
        }
    }

    /// A turn; returns whether it would have slept until it is rung.
    fn turn(&self) {
        self.notifications.waker().awake();
        self.drain_commands();
        self.notifications.waker().fall_asleep(false);
        // It has a command, or is rung, or the poller tells something: it wakes whatever it is.
        self.notifications.waker().awake();
        self.drain_commands();
        self.become_busy(); // And runs a callback.
    }
}

fn act(outbox: &PipeOutbox, act: Act) {
    match act {
        Act::Send => FRAMES[1..].iter().for_each(|frame| _ = outbox.send_bytes(frame, false)),
        Act::Flush => _ = outbox.flush(),
        Act::SendMany => {
            for frame in &FRAMES[1..] {
                outbox.send_in_batch(frame, false);
            }
            let _ = outbox.flush();
        }
    }
}

fn check(world: World) {
    let (outbox, pipe, notifications) =
        open(if world.is_full { 0 } else { 100 }, &Limits::default());
    let part = LoopPart {
        outbox: Arc::clone(&outbox),
        notifications: Arc::clone(&notifications),
        coalesces: Cell::new(false),
    };
    if world.is_full {
        outbox.send_bytes(FRAMES[0], false);
        part.drain_commands();
    }
    if world.run != Loop::Never {
        notifications.set_running(true);
        part.turn();
    }
    let other = {
        let outbox = Arc::clone(&outbox);
        thread::spawn(move || act(&outbox, world.act))
    };
    match world.run {
        Loop::Turns | Loop::TurnsOnce => part.turn(),
        Loop::Waits | Loop::Never => {}
    }
    if world.is_full {
        *pipe.room.lock().unwrap() = 100;
        if world.run != Loop::Waits {
            let _ = outbox.flush(); // The poller's edge, which comes once.
        }
    }
    let mut is_seen = end(world.end, &part);
    if world.run == Loop::TurnsOnce {
        part.become_busy();
        notifications.set_running(false);
    }
    if world.end == End::Drains && world.run == Loop::Turns {
        notifications.waker().fall_asleep(false);
        is_seen = outbox.queued() == 0 || notifications.waker().is_rung();
    }
    other.join().unwrap();
    settle(world, &part, is_seen);

    let taken = pipe.taken.lock().unwrap();
    assert_eq!(notifications.budget().queued(), 0, "the node waits for nothing that is not there");
    let whole = taken.chunk_by(|one, other| one == other).all(|frame| FRAMES.contains(&frame));
    assert!(whole, "{taken:?} has half a frame");
    if matches!(world.end, End::No | End::Drains) && !matches!(world.act, Act::Flush) {
        assert!(taken.ends_with(&[2, 2, 3, 3]), "{taken:?} is not all");
    }
}

/// Ends the connection or the node. Returns whether nothing is left to be written by then.
fn end(end: End, LoopPart { outbox, notifications, .. }: &LoopPart) -> bool {
    match end {
        End::No => {}
        End::Ends => {
            outbox.end();
            let _ = outbox.flush();
            return outbox.is_drained();
        }
        End::Aborted => outbox.abort(CloseReason::NodeMemory),
        End::Drains => notifications.set_draining(),
    }
    false
}

/// The other thread is done. Nothing may be left that nobody has been told of.
fn settle(world: World, part: &LoopPart, is_seen: bool) {
    let LoopPart { outbox, notifications, .. } = part;
    if world.is_full && world.run == Loop::Waits {
        let _ = outbox.flush(); // Its callback is over, and the poller tells.
    }
    if world.end == End::Aborted {
        assert!(outbox.failure().is_some());
        assert!(notifications.waker().is_rung(), "the loop ends it");
        return;
    }
    if world.end == End::Drains && world.run == Loop::Turns {
        let is_woken = !notifications.waker().is_asleep();
        assert!(is_seen || is_woken, "it sleeps, and the node is drained");
    }
    if !world.is_full && matches!(world.run, Loop::Waits | Loop::Never) {
        assert_eq!(outbox.queued(), 0, "left to a loop that may not come for long");
    }
    while outbox.queued() > 0 {
        assert!(notifications.waker().is_rung(), "nobody has been told");
        part.turn();
    }
    if world.end == End::Ends {
        let is_told = notifications.pop().is_some();
        assert!(is_seen || is_told || world.run == Loop::Turns, "it waits for its linger time");
    }
}

fn check_all(act: Act) {
    for run in [Loop::Turns, Loop::TurnsOnce, Loop::Waits, Loop::Never] {
        for end in [End::No, End::Ends, End::Aborted, End::Drains] {
            for is_full in [false, true] {
                let world = World { act, run, end, is_full };
                println!("{world:?}");
                loom::model(move || check(world));
            }
        }
    }
}

#[test]
fn what_is_sent_is_written_or_told_whoever_runs_the_loop_and_however_it_ends() {
    check_all(Act::Send);
}

#[test]
fn what_is_flushed_is_written_or_told_whoever_runs_the_loop_and_however_it_ends() {
    check_all(Act::Flush);
}

#[test]
fn what_is_sent_at_once_is_written_or_told_whoever_runs_the_loop_and_however_it_ends() {
    check_all(Act::SendMany);
}
