use super::*;
use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::thread;

const MINUTE: Duration = Duration::from_secs(60);

/// Returns once the receiver of `queue` is blocked, or just about to be.
fn let_it_block(queue: &Queue<u32>) {
    while !queue.waiter.waiting.load(Ordering::Relaxed) {
        thread::yield_now();
    }
}

#[test]
fn priority_comes_first_then_due_timers_then_the_order_of_sending() {
    let (sender, mut receiver) = split();
    sender.send(5);
    sender.send(6);
    sender.send_with_timer(3, Duration::ZERO);
    sender.send_with_timer(4, Duration::ZERO);
    sender.send_with_timer(7, MINUTE);
    sender.send_with_priority(1);
    sender.send_with_priority(2);
    assert!(receiver.sender.has_priority() && !receiver.is_empty());

    assert_eq!([(); 6].map(|()| receiver.receive()), [1, 2, 3, 4, 5, 6]);
    assert!(receiver.is_empty());
    assert_eq!(receiver.try_receive(), None);
}

#[test]
fn a_timer_set_while_the_receiver_is_blocked_fires_on_time() {
    let (sender, mut receiver) = split();
    sender.send_with_timer(2, MINUTE);
    thread::scope(|scope| {
        let received = scope.spawn(|| (receiver.receive(), Instant::now()));
        let_it_block(&sender.queue);
        let set = Instant::now();
        sender.send_with_timer(1, Duration::from_millis(10));
        let (event, at) = received.join().unwrap();
        assert_eq!(event, 1);
        // Some 0.1 ms late on an idle machine, and 2 ms is what we aim at; this one may be busy.
        let late = (at - set).checked_sub(Duration::from_millis(10)).expect("not early");
        assert!(late < Duration::from_millis(100), "{late:?} late");
    });
}

#[test]
fn every_way_of_sending_wakes_a_blocked_receiver() {
    let (sender, mut receiver) = split();
    let ways: [&(dyn Fn() + Sync); 3] =
        [&|| sender.send(1), &|| sender.send_with_priority(1), &|| {
            sender.send_with_timer(1, Duration::ZERO);
        }];
    for timeout in [Duration::from_secs(1 << 62), Duration::MAX, MINUTE] {
        for send in ways {
            thread::scope(|scope| {
                let received = scope.spawn(|| receiver.receive_timeout(timeout));
                let_it_block(&sender.queue);
                send();
                assert_eq!(received.join().unwrap(), Some(1));
            });
        }
    }
}

#[test]
fn a_timeout_ends_the_waiting_but_not_before_its_time() {
    let mut receiver = EventReceiver::<u32>::default();
    receiver.sender().send_with_timer(1, MINUTE);
    let start = Instant::now();
    assert_eq!(receiver.receive_timeout(Duration::from_millis(5)), None);
    assert!(start.elapsed() >= Duration::from_millis(5));
    assert_eq!(receiver.receive_timeout(Duration::ZERO), None);
}

#[test]
fn a_timer_that_never_fires_hides_nothing_and_can_be_cancelled() {
    let (sender, mut receiver) = split();
    let event = Arc::new(());
    let never = sender.send_with_timer(Arc::clone(&event), Duration::MAX);
    sender.send(Arc::clone(&event));
    assert!(receiver.try_receive().is_some());
    assert!(receiver.receive_timeout(Duration::from_millis(1)).is_none());
    sender.cancel_timer(never);
    sender.cancel_timer(never);
    assert_eq!(Arc::strong_count(&event), 1);
}

#[test]
fn a_flood_from_many_threads_loses_nothing_and_keeps_the_order_of_each() {
    const EACH: u32 = 20_000;
    let (sender, mut receiver) = split();
    thread::scope(|scope| {
        for thread in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || (0..EACH).for_each(|number| sender.send((thread, number))));
        }
        let mut next = [0; 4];
        for _ in 0..4 * EACH {
            let (thread, number) = receiver.receive_timeout(MINUTE).expect("none is lost");
            assert_eq!(number, next[thread]);
            next[thread] += 1;
        }
    });
    assert_eq!(receiver.try_receive(), None);
}

#[test]
fn each_timer_fires_once_or_is_cancelled_whatever_the_threads_do() {
    struct Counted<'a>(&'a AtomicUsize);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = AtomicUsize::new(0);
    let (sender, mut receiver) = build(None, Clock::default());
    thread::scope(|scope| {
        for _ in 0..3 {
            let (sender, dropped) = (sender.clone(), &dropped);
            scope.spawn(move || {
                for micros in 0..5_000 {
                    let after = Duration::from_micros(micros % 50);
                    let timer = sender.send_with_timer((micros, Counted(dropped)), after);
                    if micros % 3 != 0 {
                        sender.cancel_timer(timer);
                    }
                }
            });
        }
        // Those that are never cancelled all fire; the others may.
        let mut certain = 0;
        while certain < 3 * 1_667 {
            let (micros, _) = receiver.receive_timeout(MINUTE).expect("it fires");
            certain += usize::from(micros % 3 == 0);
        }
    });
    assert_eq!(receiver.next_deadline(), None);
    assert_eq!(dropped.load(Ordering::Relaxed), 15_000);
}

#[test]
fn what_is_sent_to_nobody_is_dropped_even_if_dropping_sends() {
    struct SendsWhenDropped(Option<EventSender<Self>>);
    impl Drop for SendsWhenDropped {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                sender.send(Self(None));
                sender.send_with_timer(Self(None), MINUTE);
            }
        }
    }
    let (sender, receiver) = split();
    for _ in 0..100_000 {
        sender.send(SendsWhenDropped(Some(sender.clone())));
    }
    sender.send_with_timer(SendsWhenDropped(Some(sender.clone())), Duration::MAX);
    let cancelled = sender.send_with_timer(SendsWhenDropped(Some(sender.clone())), MINUTE);
    sender.cancel_timer(cancelled);
    drop(receiver);
    sender.send(SendsWhenDropped(Some(sender.clone())));
    sender.send_with_timer(SendsWhenDropped(Some(sender.clone())), MINUTE);
    assert_eq!(Arc::strong_count(&sender.queue), 1);
    assert!(sender.queue.ordinary.is_empty());
}

#[test]
fn a_loop_is_woken_for_all_but_timers_behind_the_earliest() {
    let clock = Clock::manual(0);
    let waker = Arc::new(LoopWaker::new(None));
    let (sender, mut receiver) = split_with(Arc::clone(&waker), clock.clone());
    let wakes = |send: &dyn Fn()| {
        waker.fall_asleep(false);
        send();
        !waker.is_asleep()
    };
    let timer_wakes = |event, duration| {
        wakes(&|| {
            sender.send_with_timer(event, duration);
        })
    };
    assert!(timer_wakes('b', MINUTE));
    assert!(!timer_wakes('c', MINUTE));
    assert!(timer_wakes('a', MINUTE / 2));
    assert!(wakes(&|| sender.send('x')));
    assert!(wakes(&|| sender.send_with_priority('p')));

    assert_eq!(receiver.next_deadline(), Some(clock.now() + MINUTE / 2));
    assert_eq!(receiver.pop_due(clock.now()), None);
    clock.advance(MINUTE);
    let due = [(); 3].map(|()| receiver.pop_due(clock.now()));
    assert_eq!(due, [Some('a'), Some('b'), Some('c')]);
    assert_eq!((receiver.pop_priority(), receiver.pop_ordinary()), (Some('p'), Some('x')));
}

#[test]
fn a_hundred_thousand_timers_of_exactly_one_instant_fire_in_order_and_not_before() {
    const TIMERS: u32 = 100_000;
    let clock = Clock::manual(0);
    let (sender, mut receiver) = build(None, clock.clone());
    let ids: Vec<_> = (0..TIMERS).map(|number| sender.send_with_timer(number, MINUTE)).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    ids.iter().step_by(2).for_each(|id| sender.cancel_timer(*id));
    clock.advance(MINUTE - Duration::from_nanos(1));
    assert_eq!(receiver.pop_due(clock.now()), None);
    clock.advance(Duration::from_nanos(1));
    let fired = std::iter::from_fn(|| receiver.pop_due(clock.now()));
    assert!(fired.eq((1..TIMERS).step_by(2)));
    ids.iter().for_each(|id| sender.cancel_timer(*id)); // Of nobody's, now.
    assert_eq!(receiver.next_deadline(), None);
}

#[test]
fn who_waits_without_an_end_does_not_spin_once_the_node_has_ended() {
    let (sender, mut receiver) = split::<u32>();
    sender.end();
    let waiting = thread::spawn(move || receiver.receive());
    // Whoever spins stops waiting again and again.
    let mut blocked = 0;
    while blocked < 10_000 {
        blocked = if sender.queue.waiter.waiting.load(Ordering::Relaxed) { blocked + 1 } else { 0 };
        thread::yield_now();
    }
    sender.send(1);
    assert_eq!(waiting.join().unwrap(), 1);
}
