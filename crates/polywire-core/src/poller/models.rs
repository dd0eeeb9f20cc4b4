//! No order of things leaves the loop asleep with work to do.

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

/// A missed ring shows as a deadlock: the loop waits, and nobody is left to wake it.
#[test]
fn the_loop_never_sleeps_over_what_was_pushed_before_a_ring() {
    loom::model(|| {
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
        // As the loop's turns do: look, fall asleep, look again, wait.
        loop {
            let seen = queue.load(Ordering::Relaxed);
            if seen == 2 {
                return;
            }
            waker.fall_asleep();
            if queue.load(Ordering::Relaxed) == seen {
                bell.wait();
            }
            waker.awake();
        }
    });
}
