//! Messages that wait for others, so that several leave in one write.

use super::*;

/// An outbox whose loop, this thread, has left a message of another thread to gather.
fn gathering_outbox() -> (Arc<PipeOutbox>, Arc<Pipe>, Arc<Notifications>) {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    notifications.set_running(true);
    notifications.waker().awake();
    let sender = Arc::clone(&outbox);
    *lock(&pipe.meanwhile) = Some(Box::new(move || {
        sender.send_bytes(b"meanwhile", true);
    }));
    outbox.push(vec![1]);
    assert!(notifications.pop().is_some());
    outbox.flush().unwrap();
    assert_eq!(lock(&pipe.taken)[..], [1], "what is sent meanwhile waits for more");
    assert_eq!(outbox.queued(), 10);
    (outbox, pipe, notifications)
}

#[test]
fn what_gathers_is_written_when_the_loop_comes_again() {
    let (outbox, pipe, notifications) = gathering_outbox();
    assert!(notifications.pop_later().is_some(), "the loop is asked to come");
    outbox.flush().unwrap();
    assert_eq!(lock(&pipe.taken)[..], *b"\x01\x09meanwhile");
    assert_eq!(outbox.queued(), 0);
    outbox.send_bytes(b"lone", true);
    assert!(lock(&pipe.taken).ends_with(b"lone"), "at once again");
}

#[test]
fn a_sender_writes_what_has_gathered_if_it_is_enough() {
    let (outbox, pipe, notifications) = gathering_outbox();
    let send = |messages: &[&[u8]]| {
        thread::scope(|scope| {
            let send = || {
                messages.iter().all(|message| outbox.send_bytes(message, true) == SendStatus::Sent)
            };
            assert!(scope.spawn(send).join().unwrap());
        });
    };
    send(&[&[7; 99][..]; THREAD_WRITE_BYTES.div_ceil(100)]);
    assert_eq!(pipe.writes.load(Ordering::Relaxed), 2);
    assert!(notifications.is_empty(), "the loop is not called");
    send(&[b"more"]);
    assert_eq!(outbox.queued(), 5, "and goes on gathering");
    assert!(notifications.pop_later().is_some());
    outbox.flush().unwrap();
    assert_eq!(outbox.queued(), 0);
}

#[test]
fn nothing_is_left_to_a_loop_that_runs_callbacks() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    notifications.set_running(true);
    for is_busy in [false, true] {
        let waker = notifications.waker();
        if is_busy {
            waker.become_busy();
        } else {
            waker.awake();
        }
        let writes = pipe.writes.load(Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| {
                (0..20).for_each(|_| assert_eq!(outbox.send_bytes(b"x", true), SendStatus::Sent));
            });
        });
        let writes = pipe.writes.load(Ordering::Relaxed) - writes;
        assert_eq!(outbox.queued() == 0, is_busy);
        assert_eq!(writes == 20, is_busy, "{writes}");
        assert_eq!(notifications.pop_later().is_some(), !is_busy);
        outbox.flush().unwrap();
    }
}

#[test]
fn what_a_callback_sends_after_its_first_message_leaves_when_it_returns() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    notifications.set_running(true);
    let writes = |messages: usize| {
        begin_callback();
        let before = pipe.writes.load(Ordering::Relaxed);
        (0..messages).for_each(|_| assert_eq!(outbox.send_bytes(b"x", true), SendStatus::Sent));
        let inside = pipe.writes.load(Ordering::Relaxed) - before;
        let mut called = 0;
        while notifications.pop().is_some() {
            called += 1;
            outbox.flush().unwrap();
        }
        assert_eq!(outbox.queued(), 0);
        (inside, called, pipe.writes.load(Ordering::Relaxed) - before)
    };
    assert_eq!(writes(1), (1, 0, 1));
    assert_eq!(writes(10), (1, 1, 2));
    assert_eq!(writes(10), (0, 1, 1), "as the one before sent several");
    assert_eq!(writes(10), (0, 1, 1));
    assert_eq!(writes(1), (0, 1, 1));
    assert_eq!(writes(1), (1, 0, 1), "as the one before sent one");
    let (inside, ..) = writes(2 * CHUNK_BYTES);
    assert!(inside >= 2, "much does not wait");
}

#[test]
fn many_messages_of_one_call_leave_in_one_write_and_the_loop_is_not_called() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    for _ in 0..3 {
        assert_eq!(outbox.send_in_batch(b"hello", true), SendStatus::Sent);
    }
    assert!(lock(&pipe.taken).is_empty());
    assert!(notifications.is_empty());
    // One of another call goes behind them, and takes them along.
    assert_eq!(outbox.send_bytes(b"other", true), SendStatus::Sent);
    assert_eq!(*lock(&pipe.taken), b"\x05hello\x05hello\x05hello\x05other");
    assert_eq!(pipe.writes.load(Ordering::Relaxed), 1);
    assert_eq!(outbox.queued(), 0);
}

#[test]
fn many_messages_of_one_call_leave_before_they_take_much_memory() {
    let (outbox, pipe, _notifications) = open(usize::MAX, &Limits::default());
    for _ in 0..10_000 {
        outbox.send_in_batch(&[7; 99], true);
        assert!(outbox.queued() < CHUNK_BYTES + 100);
    }
    outbox.flush().unwrap();
    assert_eq!(lock(&pipe.taken).len(), 1_000_000);
    assert!(pipe.writes.load(Ordering::Relaxed) <= 1_000_000 / CHUNK_BYTES + 1);
}

#[test]
fn an_outbox_that_is_flushed_next_does_not_call_the_loop() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    let (other, _, notifications_of_other) = open(usize::MAX, &Limits::default());
    notifications.set_running(true);
    notifications_of_other.set_running(true);
    let guard = outbox.flush_guard();
    let mut gather = HintWhileMore::default();
    gather.set(true);
    assert_eq!(outbox.send_bytes(b"first", true), SendStatus::Sent);
    assert_eq!(other.send_bytes(b"elsewhere", true), SendStatus::Sent);
    gather.set(false);
    assert_eq!(outbox.send_bytes(b"last", true), SendStatus::Sent);
    assert!(notifications.is_empty());
    assert!(!notifications_of_other.is_empty());
    assert_eq!(pipe.writes.load(Ordering::Relaxed), 0);
    drop(guard);

    outbox.flush().unwrap();
    assert_eq!(*lock(&pipe.taken), b"\x05first\x04last");
    assert_eq!(pipe.writes.load(Ordering::Relaxed), 1);
}
