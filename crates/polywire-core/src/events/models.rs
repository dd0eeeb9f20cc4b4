//! No order of things leaves the receiver asleep, or an event or a timer in two hands or in none.
//!
//! The queues count as atomic: loom does not see into them. Where it matters how soon a thread sees
//! what another has pushed, an atomic of loom's stands for them.

use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::*;

/// A missed wake-up shows as a deadlock.
#[test]
fn a_receiver_never_sleeps_over_what_was_sent() {
    loom::model(|| {
        let waiter = Arc::new(Waiter::default());
        let queue = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let (waiter, queue) = (Arc::clone(&waiter), Arc::clone(&queue));
            thread::spawn(move || {
                queue.fetch_add(1, Ordering::Relaxed);
                waiter.wake();
            });
        }
        let mut seen = queue.load(Ordering::Relaxed);
        while seen < 2 {
            waiter.wait(|| (queue.load(Ordering::Relaxed) != seen).then_some(Duration::ZERO));
            seen = queue.load(Ordering::Relaxed);
        }
    });
}

#[test]
fn a_receiver_asleep_is_woken_by_a_timer_that_is_due_before_all_others() {
    loom::model(|| {
        let (sender, mut receiver) = build(None, Clock::manual(0));
        sender.send_with_timer("late", Duration::from_secs(60));
        let setting = thread::spawn(move || {
            sender.send_with_timer("due", Duration::ZERO);
        });
        assert_eq!(receiver.receive(), "due");
        setting.join().unwrap();
    });
}

#[test]
fn nothing_stays_in_a_queue_whose_receiver_goes() {
    loom::model(|| {
        let event = Arc::new(());
        let (sender, receiver) = build(None, Clock::manual(0));
        let sending: Vec<_> = (0..2)
            .map(|number| {
                let (sender, event) = (sender.clone(), Arc::clone(&event));
                thread::spawn(move || {
                    if number == 0 {
                        sender.send(event);
                    } else {
                        sender.send_with_timer(event, Duration::from_secs(60));
                    }
                })
            })
            .collect();
        drop(receiver);
        sending.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(Arc::strong_count(&event), 1);
    });
}

#[test]
fn a_timer_fires_or_is_cancelled_and_no_other_is_touched() {
    loom::model(|| {
        let start = Clock::manual(0).now();
        let timers = Arc::new(SharedTimers::new(start));
        let (id, _) = timers.schedule(Some(start), "it");
        let cancelling = {
            let timers = Arc::clone(&timers);
            thread::spawn(move || (timers.cancel(id), timers.cancel(id)))
        };
        let setting = {
            let timers = Arc::clone(&timers);
            thread::spawn(move || {
                timers.schedule(Some(start), "other");
            })
        };
        let fired = [timers.pop_due(start), timers.pop_due(start)];
        let cancelled = cancelling.join().unwrap();
        setting.join().unwrap();
        let left = [timers.pop_due(start), timers.pop_due(start)];

        let hands = fired.iter().chain(&left).chain([&cancelled.0, &cancelled.1]).flatten();
        let mut hands: Vec<_> = hands.copied().collect();
        hands.sort_unstable();
        assert_eq!(hands, ["it", "other"]);
        assert_ne!(cancelled.0, Some("other"));
        assert_eq!(timers.next_deadline(), None);
    });
}
