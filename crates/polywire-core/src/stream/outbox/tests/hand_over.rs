//! The right to write passes from one to the other: nothing stays behind, and nobody waits for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::*;

/// Three messages wait in an outbox whose pipe is full.
fn full() -> (Arc<PipeOutbox>, Arc<Pipe>, Arc<Notifications>) {
    let (outbox, pipe, notifications) = open(0, &Limits::default());
    for _ in 0..3 {
        assert_eq!(outbox.send_bytes(b"abc", true), SendStatus::Sent);
    }
    while notifications.pop().is_some() {}
    (outbox, pipe, notifications)
}

#[test]
fn room_that_is_told_while_a_thread_finds_none_is_used() {
    let (outbox, pipe, notifications) = full();
    let (teller, room) = (Arc::clone(&outbox), Arc::clone(&pipe));
    *lock(&pipe.meanwhile) = Some(Box::new(move || {
        room.make_room();
        teller.flush().unwrap(); // The poller's edge, which comes once.
    }));
    outbox.flush().unwrap();
    assert_eq!(outbox.queued(), 0, "the edge is gone, and nobody else will write");
    assert!(notifications.pop().is_none());
}

#[test]
fn a_loop_that_closes_hears_of_the_end_of_a_write_by_another_thread() {
    let (outbox, pipe, notifications) = full();
    pipe.make_room();
    let closing = Arc::clone(&outbox);
    *lock(&pipe.meanwhile) = Some(Box::new(move || {
        closing.end();
        closing.flush().unwrap();
        assert!(!closing.is_drained(), "the other thread writes");
    }));
    outbox.flush().unwrap();
    assert!(outbox.is_drained());
    assert!(notifications.pop().is_some(), "the loop would wait until its linger time is over");
}

/// As the flush of what was gathered does, and that of the program in its callback.
#[test]
fn a_loop_that_closes_hears_of_the_end_of_a_write_by_its_own_thread() {
    let (outbox, pipe, notifications) = full();
    notifications.set_running(true);
    outbox.end();
    outbox.flush().unwrap();
    assert!(!outbox.is_drained(), "the pipe is full");
    while notifications.pop().is_some() {}
    pipe.make_room();
    outbox.flush().unwrap();
    assert!(notifications.pop().is_some(), "the loop would wait until its linger time is over");
}

#[test]
fn what_runs_when_there_is_room_may_send_on_the_same_connection() {
    let limits = Limits::default().with_outbox_soft_mark(1);
    let (outbox, pipe, _) = open(0, &limits);
    outbox.send_bytes(b"abc", true);
    let sender = Arc::clone(&outbox);
    outbox.when_writable(Box::new(move || {
        assert_eq!(sender.send_bytes(b"d", true), SendStatus::Sent);
    }));
    pipe.make_room();
    outbox.flush().unwrap();
    assert_eq!(outbox.queued(), 0);
    assert_eq!(lock(&pipe.taken)[..], *b"\x03abc\x01d");
}

/// A layer that is given something to say while it is flushed.
#[derive(Default)]
struct Wordy {
    has_words: AtomicBool,
    said: AtomicUsize,
    /// Whether it has something to say however often it was flushed, against the rule.
    never_ends: AtomicBool,
    /// Done by another thread during the next flush, behind what is said there.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Stream for Arc<Wordy> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn flush(&self) -> io::Result<()> {
        let never_ends = self.never_ends.load(Ordering::Relaxed);
        let words = usize::from(self.has_words.swap(never_ends, Ordering::AcqRel));
        self.said.fetch_add(words, Ordering::Relaxed);
        if let Some(act) = lock(&self.meanwhile).take() {
            thread::spawn(act).join().unwrap();
        }
        Ok(())
    }

    fn wants_write(&self) -> bool {
        self.has_words.load(Ordering::Acquire)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_layer_learns_to_say_while_a_thread_flushes_it_is_said() {
    let layer = Arc::new(Wordy::default());
    let outbox = Arc::new(Outbox::new(OneByte, Arc::default()));
    outbox.open(Arc::clone(&layer)).unwrap();
    layer.has_words.store(true, Ordering::Release);
    let (reader, read) = (Arc::clone(&outbox), Arc::clone(&layer));
    *lock(&layer.meanwhile) = Some(Box::new(move || {
        read.has_words.store(true, Ordering::Release); // By what the loop has read just now.
        reader.flush().unwrap();
    }));
    outbox.flush().unwrap();
    assert_eq!(layer.said.load(Ordering::Relaxed), 2, "the loop has left it to the thread");
    assert!(outbox.is_drained());
}

#[test]
fn a_layer_that_is_flushed_and_never_done_is_named_rather_than_flushed_for_ever() {
    let layer = Arc::new(Wordy::default());
    let outbox = Arc::new(Outbox::new(OneByte, Arc::default()));
    outbox.open(Arc::clone(&layer)).unwrap();
    layer.never_ends.store(true, Ordering::Relaxed);
    layer.has_words.store(true, Ordering::Release);
    let told = match catch_unwind(AssertUnwindSafe(|| outbox.flush())) {
        Ok(result) => result.unwrap_err().to_string(),
        Err(panic) => *panic.downcast::<String>().unwrap(), // As a debug build tells it.
    };
    assert!(told.contains("Wordy") && told.contains("Stream::flush"), "{told}");
}

/// Sends on its connection when it is dropped, as a signal may.
struct SendsOnDrop(Arc<PipeOutbox>);

impl Drop for SendsOnDrop {
    fn drop(&mut self) {
        assert_eq!(self.0.send_bytes(b"last", true), SendStatus::ResourceNotFound);
    }
}

#[test]
fn what_never_runs_may_send_on_the_same_connection_as_it_is_dropped() {
    let ends: [fn(&PipeOutbox, &Pipe); 2] = [
        |outbox, _| outbox.end(),
        |outbox, pipe| {
            pipe.broken.store(true, Ordering::Release);
            outbox.flush().unwrap_err();
        },
    ];
    for end in ends {
        let (outbox, pipe, _) = open(0, &Limits::default().with_outbox_soft_mark(1));
        outbox.send_bytes(b"abc", true);
        let signal = SendsOnDrop(Arc::clone(&outbox));
        outbox.when_writable(Box::new(move || drop(signal)));
        end(&outbox, &pipe);
    }
}

/// A thread that waits for room in an outbox whose loop does not move.
fn beside_a_loop_that_stands_still(end: impl FnOnce(&Pipe, &Notifications), expected: SendStatus) {
    let limits = Limits::default().with_outbox_soft_mark(2);
    let (outbox, pipe, notifications) = open(0, &limits);
    notifications.set_running(true);
    let sender = Arc::clone(&outbox);
    let sender = thread::spawn(move || {
        assert_eq!(sender.send_bytes(b"first", true), SendStatus::Sent);
        sender.send_bytes(b"second", true)
    });
    while outbox.queued() == 0 {
        thread::yield_now();
    }
    end(&pipe, &notifications);
    let since = Instant::now();
    assert_eq!(sender.join().unwrap(), expected);
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[test]
fn a_sender_beside_a_loop_that_stands_still_writes_by_itself() {
    beside_a_loop_that_stands_still(|pipe, _| pipe.make_room(), SendStatus::Sent);
}

#[test]
fn a_sender_beside_a_loop_that_stands_still_sees_the_end_of_the_stream_and_of_the_node() {
    let gone = SendStatus::ResourceNotFound;
    let break_it = |pipe: &Pipe| pipe.broken.store(true, Ordering::Release);
    beside_a_loop_that_stands_still(|pipe, _| break_it(pipe), gone);
    beside_a_loop_that_stands_still(|_, notifications| notifications.set_stopping(), gone);
}

#[test]
fn a_sender_waits_no_longer_for_a_peer_that_takes_nothing_than_the_stall_time() {
    let limits =
        Limits::default().with_outbox_soft_mark(2).with_stall_timeout(Duration::from_millis(20));
    let (outbox, _pipe, notifications) = open(0, &limits);
    let looping = thread::spawn(move || {
        notifications.set_running(true);
        notifications
    });
    let _notifications = looping.join().unwrap();
    assert_eq!(outbox.send_bytes(b"first", true), SendStatus::Sent);
    assert_eq!(outbox.send_bytes(b"second", true), SendStatus::ResourceNotFound);
    assert_eq!(outbox.failure(), Some(CloseReason::Stalled));
}

#[test]
fn the_callback_of_another_node_leaves_nothing_to_a_loop_that_does_not_run() {
    let (outbox, pipe, _) = open(usize::MAX, &Limits::default());
    let mut others_read = HintWhileMore::default();
    others_read.set(true); // More of what that node read waits.
    assert_eq!(outbox.send_bytes(b"abc", true), SendStatus::Sent);
    assert_eq!(lock(&pipe.taken)[..], *b"\x03abc");
}
