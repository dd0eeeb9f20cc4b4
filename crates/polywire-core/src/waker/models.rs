//! No order of things leaves the loop asleep with work to do, or in a callback with what was left to
//! it for a moment.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::*;

/// A poller that waits until it is woken, as mio's: a wake-up before the wait ends it too.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.heard.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl Wake for Arc<Bell> {
    fn wake(&self) -> io::Result<()> {
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
        Ok(())
    }
}

/// The waker of a loop, its bell, and a queue to which two threads push something and ring behind.
fn with_two_who_push_and_ring() -> (Arc<Bell>, Arc<LoopWaker<Arc<Bell>>>, Arc<AtomicUsize>) {
    let bell = Arc::new(Bell::default());
    let waker = Arc::new(LoopWaker::new(Some(Arc::clone(&bell))));
    let queue = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (waker, queue) = (Arc::clone(&waker), Arc::clone(&queue));
        thread::spawn(move || {
            queue.fetch_add(1, Ordering::Relaxed);
            waker.ring();
        });
    }
    (bell, waker, queue)
}

/// A missed ring shows as a deadlock: the loop waits, and nobody is left to wake it.
#[test]
fn the_loop_never_sleeps_over_what_was_pushed_before_a_ring() {
    loom::model(|| {
        let (bell, waker, queue) = with_two_who_push_and_ring();
        // As the loop's turns do: look, fall asleep, look again, wait.
        loop {
            let seen = queue.load(Ordering::Relaxed);
            if seen == 2 {
                return;
            }
            waker.fall_asleep(false);
            if queue.load(Ordering::Relaxed) == seen {
                bell.wait();
            }
            waker.awake();
        }
    });
}

/// As the loop does that looks at its queues only where it was rung: however many ring, one of them tells.
#[test]
fn the_loop_never_sleeps_over_what_it_was_rung_for() {
    loom::model(|| {
        let (bell, waker, queue) = with_two_who_push_and_ring();
        let mut seen = 0;
        while seen < 2 {
            if waker.is_rung() {
                waker.hear();
                seen = queue.load(Ordering::Relaxed);
            }
            waker.fall_asleep(false);
            if seen < 2 && !waker.is_rung() {
                bell.wait();
            }
            waker.awake();
        }
    });
}

/// What a thread leaves to the loop is seen before its next callback, unless the thread is told so.
#[test]
fn nothing_is_left_to_a_loop_that_is_busy() {
    loom::model(|| {
        let waker = Arc::new(LoopWaker::new(Some(Arc::new(Bell::default()))));
        waker.awake();
        let queue = Arc::new(AtomicUsize::new(0));
        let sender = {
            let (waker, queue) = (Arc::clone(&waker), Arc::clone(&queue));
            thread::spawn(move || {
                queue.fetch_add(1, Ordering::Relaxed);
                waker.ring_unless_busy()
            })
        };
        waker.become_busy();
        let is_seen = queue.load(Ordering::Relaxed) == 1;
        // The callback, in which nobody looks.
        let is_left = sender.join().unwrap();
        assert!(is_seen || !is_left);
    });
}

/// The same where the loop looks at its queues only if it was rung, whoever of several did.
#[test]
fn nothing_is_left_to_a_loop_that_is_busy_by_whoever_rings_second() {
    loom::model(|| {
        let waker = Arc::new(LoopWaker::new(Some(Arc::new(Bell::default()))));
        waker.awake();
        let queue = Arc::new(AtomicUsize::new(0));
        let other = {
            let waker = Arc::clone(&waker);
            thread::spawn(move || waker.ring())
        };
        let sender = {
            let (waker, queue) = (Arc::clone(&waker), Arc::clone(&queue));
            thread::spawn(move || {
                queue.fetch_add(1, Ordering::Relaxed);
                waker.ring_unless_busy()
            })
        };
        waker.become_busy();
        let is_seen = waker.is_rung() && queue.load(Ordering::Relaxed) == 1;
        let is_left = sender.join().unwrap();
        assert!(is_seen || !is_left);
        other.join().unwrap();
    });
}

/// What is left to a loop that gathers needs no ring: it comes by itself, or has been seen.
#[test]
fn what_is_left_to_a_loop_that_falls_asleep_is_seen_or_rung_for() {
    loom::model(|| {
        let bell = Arc::new(Bell::default());
        let waker = Arc::new(LoopWaker::new(Some(Arc::clone(&bell))));
        let queue = Arc::new(AtomicUsize::new(0));
        waker.fall_asleep(true);
        {
            let (waker, queue) = (Arc::clone(&waker), Arc::clone(&queue));
            thread::spawn(move || {
                queue.fetch_add(1, Ordering::Relaxed);
                assert!(waker.ring_unless_busy());
            });
        }
        // The time to gather is over, and the loop sleeps without an end.
        waker.awake();
        while queue.load(Ordering::Relaxed) == 0 {
            waker.fall_asleep(false);
            if queue.load(Ordering::Relaxed) == 0 {
                bell.wait();
            }
            waker.awake();
        }
    });
}
