mod gathering;
mod hand_over;
mod odd_frames;
mod panics;
mod shared_frames;

use std::io::{self, IoSlice};
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use super::*;
use crate::adapter::{Registration, SendFlags};
use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::message::{Message, MessageKind};
use crate::notifier::Notifications;
use crate::send_hint::{HintWhileMore, SendHint, begin_callback, current_hint};
use crate::send_status::SendStatus;
use crate::stream::Frame;
use crate::stream::outbox::chunks::CHUNK_BYTES;
use crate::stream::outbox::state::THREAD_WRITE_BYTES;
use crate::waker::LoopWaker;

/// Frames of one length byte and the message.
struct OneByte;

impl Encoder for OneByte {
    fn max_message_size(&self) -> usize {
        255
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put(&[message.bytes.len() as u8]);
        frame.put_message(message.bytes);
    }
}

impl<S: Stream, E: Encoder> Outbox<S, E> {
    pub(super) fn send_bytes(&self, message: &[u8], wait: bool) -> SendStatus {
        self.send(message, SendFlags::new(MessageKind::BINARY, current_hint()), wait)
    }

    /// As one of several, behind which the caller flushes.
    pub(super) fn send_in_batch(&self, message: &[u8], wait: bool) -> SendStatus {
        let flags = SendFlags::new(MessageKind::BINARY, SendHint::CallerFlushes);
        self.send(message, flags, wait)
    }
}

type PipeOutbox = Outbox<Arc<Pipe>, OneByte>;

/// Takes as many bytes as it has room for.
#[derive(Default)]
struct Pipe {
    room: AtomicUsize,
    taken: Mutex<Vec<u8>>,
    writes: AtomicUsize,
    broken: AtomicBool,
    /// Done by another thread during the next write.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Pipe {
    fn act_meanwhile(&self) {
        let act = lock(&self.meanwhile).take();
        if let Some(act) = act {
            thread::spawn(act).join().unwrap();
        }
    }

    fn make_room(&self) {
        self.room.store(usize::MAX, Ordering::Release);
    }
}

impl Stream for Arc<Pipe> {
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
        if self.broken.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut taken = lock(&self.taken);
        let room = self.room.load(Ordering::Acquire);
        if room == 0 {
            drop(taken);
            self.act_meanwhile();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = taken.len();
        let bytes = buffers.iter().flat_map(|buffer| buffer.iter());
        taken.extend(bytes.take(room));
        let len = taken.len() - before;
        self.room.fetch_sub(len, Ordering::AcqRel);
        self.writes.fetch_add(1, Ordering::Relaxed);
        drop(taken);
        self.act_meanwhile();
        Ok(len)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

fn outbox(room: usize, limits: &Limits) -> (Arc<PipeOutbox>, Arc<Pipe>, Arc<Notifications>) {
    let notifications =
        Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
    let outbox = Arc::new(Outbox::new(OneByte, Arc::new(limits.clone())));
    let id = ResourceId::from(1);
    outbox.set_notifier(Notifier::new(Arc::clone(&notifications), id));
    let pipe = Arc::new(Pipe::default());
    pipe.room.store(room, Ordering::Release);
    (outbox, pipe, notifications)
}

fn open(room: usize, limits: &Limits) -> (Arc<PipeOutbox>, Arc<Pipe>, Arc<Notifications>) {
    let (outbox, pipe, notifications) = outbox(room, limits);
    outbox.open(Arc::clone(&pipe)).unwrap();
    (outbox, pipe, notifications)
}

#[test]
fn a_lone_message_leaves_in_one_write_and_keeps_nothing() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    assert_eq!(outbox.send_bytes(b"hello", true), SendStatus::Sent);
    assert_eq!(*lock(&pipe.taken), b"\x05hello");
    assert_eq!(pipe.writes.load(Ordering::Relaxed), 1);
    assert_eq!(outbox.queued(), 0);
    assert!(notifications.is_empty(), "the loop is not called for nothing");
    assert!(!outbox.has_filled());
}

#[test]
fn an_empty_message_is_a_message() {
    let (outbox, pipe, _notifications) = open(usize::MAX, &Limits::default());
    assert_eq!(outbox.send_bytes(b"", true), SendStatus::Sent);
    assert_eq!(*lock(&pipe.taken), b"\0");
}

#[test]
fn what_the_socket_does_not_take_goes_first_when_there_is_room() {
    let (outbox, pipe, notifications) = open(3, &Limits::default());
    outbox.send_bytes(b"first", true);
    outbox.send_bytes(b"second", true);
    assert_eq!(outbox.queued(), 3 + 7);
    assert!(notifications.pop().is_some(), "the loop was called");
    assert!(notifications.pop().is_none(), "once");
    pipe.room.store(usize::MAX, Ordering::Release);
    outbox.flush().unwrap();
    assert_eq!(*lock(&pipe.taken), b"\x05first\x06second");
    assert_eq!(outbox.queued(), 0);
    assert!(outbox.has_filled(), "the peer may have all of it unread");
}

#[test]
fn messages_wait_for_the_connection_behind_its_handshake() {
    let (outbox, pipe, _notifications) = outbox(usize::MAX, &Limits::default());
    outbox.send_bytes(b"message", true);
    outbox.push(b"handshake ".to_vec());
    outbox.flush_to(&pipe).unwrap();
    assert_eq!(*lock(&pipe.taken), b"handshake ");
    outbox.open(Arc::clone(&pipe)).unwrap();
    assert_eq!(*lock(&pipe.taken), b"handshake \x07message");
}

#[test]
fn a_message_too_long_for_the_protocol_is_refused_whole() {
    let (outbox, pipe, _notifications) = open(usize::MAX, &Limits::default());
    assert_eq!(outbox.send_bytes(&[0; 256], true), SendStatus::MaxPacketSizeExceeded);
    assert!(lock(&pipe.taken).is_empty());
}

#[test]
fn above_the_soft_mark_try_send_takes_nothing() {
    let limits = Limits::default().with_outbox_soft_mark(10);
    let (outbox, _pipe, _notifications) = open(0, &limits);
    assert_eq!(outbox.send_bytes(&[0; 20], false), SendStatus::Sent);
    assert_eq!(outbox.send_bytes(b"x", false), SendStatus::Full);
    assert_eq!(outbox.queued(), 21);
}

#[test]
fn at_the_hard_limit_the_connection_is_given_up() {
    let limits = Limits::default().with_outbox_hard_limit(100);
    let (outbox, _pipe, notifications) = open(0, &limits);
    assert_eq!(outbox.send_bytes(&[0; 60], true), SendStatus::Sent);
    assert_eq!(outbox.send_bytes(&[0; 38], true), SendStatus::Sent);
    assert_eq!(outbox.send_bytes(b"x", true), SendStatus::ResourceNotFound);
    assert!(notifications.pop().is_some());
    assert_eq!(outbox.flush(), Err(CloseReason::OutboxLimit { queued: 100 }));
    assert_eq!(outbox.queued(), 0, "what waited is not kept for nobody");
}

#[test]
fn one_message_above_the_hard_limit_leaves_room_for_answers_of_the_protocol() {
    let limits = Limits::default().with_outbox_hard_limit(100);
    let (outbox, pipe, _notifications) = open(50, &limits);
    assert_eq!(outbox.send_bytes(&[0; 200], true), SendStatus::Sent);
    outbox.push(vec![1; 60]);
    assert_eq!(outbox.failure(), None);
    pipe.room.store(140, Ordering::Release);
    outbox.flush().unwrap();
    assert_eq!(outbox.queued(), 71, "eleven of the message, and the answer");
    outbox.push(vec![1; 41]);
    assert_eq!(outbox.failure(), Some(CloseReason::OutboxLimit { queued: 71 }));
}

#[test]
fn a_failed_write_ends_sending_with_its_reason() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    pipe.broken.store(true, Ordering::Release);
    assert_eq!(outbox.send_bytes(b"lost", true), SendStatus::Sent);
    assert!(notifications.pop().is_some(), "the loop ends the connection");
    assert_eq!(outbox.failure(), Some(CloseReason::Reset));
    assert_eq!(outbox.send_bytes(b"late", true), SendStatus::ResourceNotFound);
}

/// Sends in a thread while this one plays the loop, until the sender is known to wait.
fn with_parked_sender(end: impl FnOnce(&PipeOutbox, &Pipe), expected: SendStatus) {
    let limits = Limits::default().with_outbox_soft_mark(10);
    let (outbox, pipe, notifications) = open(0, &limits);
    notifications.set_running(true);
    outbox.send_bytes(&[0; 20], true);
    thread::scope(|scope| {
        let sender = scope.spawn(|| outbox.send_bytes(b"later", true));
        // Long enough for a send that does not wait to come back.
        thread::sleep(Duration::from_millis(50));
        assert!(!sender.is_finished(), "send waits for room");
        end(&outbox, &pipe);
        assert_eq!(sender.join().unwrap(), expected);
    });
}

#[test]
fn a_send_off_the_loop_waits_until_there_is_room() {
    let make_room = |outbox: &PipeOutbox, pipe: &Pipe| {
        pipe.room.store(usize::MAX, Ordering::Release);
        outbox.flush().unwrap();
    };
    with_parked_sender(make_room, SendStatus::Sent);
}

#[test]
fn a_send_off_the_loop_waits_no_longer_than_the_connection_lives() {
    with_parked_sender(|outbox, _| outbox.end(), SendStatus::ResourceNotFound);
}

#[test]
fn frames_of_many_threads_never_mix_and_keep_their_order() {
    const THREADS: u8 = 4;
    const EACH: u8 = 200;
    let (outbox, pipe, notifications) = open(0, &Limits::default());
    notifications.set_running(true);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|thread| {
                let outbox = &outbox;
                scope.spawn(move || {
                    for number in 0..EACH {
                        let mut message = vec![thread; 2 + usize::from(number) % 50];
                        message[1] = number;
                        assert_eq!(outbox.send_bytes(&message, true), SendStatus::Sent);
                    }
                })
            })
            .collect();
        // Plays the poller and the loop: room for a few bytes at a time.
        while senders.iter().any(|sender| !sender.is_finished()) || outbox.queued() > 0 {
            pipe.room.store(37, Ordering::Release);
            outbox.flush().unwrap();
            thread::yield_now();
        }
    });
    let taken = lock(&pipe.taken);
    let (mut rest, mut next) = (&taken[..], [0; THREADS as usize]);
    while let Some((&len, after)) = rest.split_first() {
        let (message, after) = after.split_at(usize::from(len));
        let thread = message[0];
        assert_eq!(message[1], next[usize::from(thread)], "in the order of its thread");
        assert!(message[2..].iter().all(|&byte| byte == thread), "whole");
        next[usize::from(thread)] += 1;
        rest = after;
    }
    assert_eq!(next, [EACH; THREADS as usize]);
}

#[test]
fn an_outbox_in_which_nothing_waits_is_small() {
    #[cfg(all(unix, target_pointer_width = "64"))] // Windows' handles are longer.
    {
        let size = size_of::<Outbox<std::fs::File, usize>>();
        assert!(16 + size <= 88, "{size}"); // With the two counts of an `Arc`.
    }
    let (outbox, pipe, _) = open(0, &Limits::default());
    assert_eq!(outbox.send_bytes(b"hello", true), SendStatus::Sent);
    assert!(outbox.lock().owns_memory());
    pipe.room.store(usize::MAX, Ordering::Release);
    outbox.flush().unwrap();
    assert!(!outbox.lock().owns_memory());
}

#[test]
fn memory_of_much_is_used_again_but_not_kept_by_the_little_that_waits() {
    let (busy, pipe, _) = open(usize::MAX, &Limits::default());
    let gather_and_flush = |messages| {
        (0..messages).for_each(|_| {
            busy.send_in_batch(&[7; 200], true);
        });
        let held = busy.lock().memory();
        busy.flush().unwrap();
        held
    };
    let much = gather_and_flush(300);
    assert!(much >= 300 * 200);
    assert!(gather_and_flush(1) >= much, "the memory of before");

    // One that finds the socket full in the middle of it, and one that finds it so at once.
    for room in [150, 0] {
        let (slow, slow_pipe, _) = open(room, &Limits::default());
        slow.send_in_batch(&[7; 200], true);
        slow.flush().unwrap();
        assert!(slow.lock().memory() <= 2 * 201 + 512, "{}", slow.lock().memory());
        slow.send_bytes(&[7; 200], true);
        assert!(slow.lock().memory() <= 4 * 201 + 512, "{}", slow.lock().memory());
        slow_pipe.room.store(usize::MAX, Ordering::Release);
        slow.flush().unwrap();
        assert_eq!(lock(&slow_pipe.taken).len(), 2 * 201);
        gather_and_flush(300);
    }
    assert!(pipe.writes.load(Ordering::Relaxed) >= 4);
}

#[test]
fn answers_that_are_not_read_are_replaced_by_the_latest() {
    let (outbox, pipe, notifications) = open(0, &Limits::default());
    outbox.send_bytes(b"before", true);
    for number in 0..10_000_u32 {
        outbox.push_answer(number.to_be_bytes().to_vec());
        assert!(outbox.queued() <= 7 + state::MAX_ANSWER_BYTES + 4);
    }
    outbox.send_bytes(b"behind", true);
    pipe.make_room();
    outbox.flush().unwrap();
    assert_eq!((outbox.queued(), notifications.budget().queued()), (0, 0));
    let taken = std::mem::take(&mut *lock(&pipe.taken));
    assert_eq!(taken[..7 + 4], *b"\x06before\0\0\0\0");
    assert!(taken.ends_with(&9999_u32.to_be_bytes()));
    assert_eq!(taken.len(), 7 + state::MAX_ANSWER_BYTES + 7 + 4);

    // Those to come are all sent again.
    (0..3_u32).for_each(|number| outbox.push_answer(number.to_be_bytes().to_vec()));
    outbox.flush().unwrap();
    assert_eq!(*lock(&pipe.taken), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
    assert!(!outbox.lock().owns_memory());
}

#[test]
fn a_long_answer_is_written_where_nothing_waits() {
    let (outbox, pipe, notifications) = open(usize::MAX, &Limits::default());
    outbox.push_answer(vec![7; state::MAX_ANSWER_BYTES + 1]);
    assert!(outbox.waits());
    assert!(notifications.pop().is_some(), "the loop is called");
    outbox.flush().unwrap();
    assert_eq!(lock(&pipe.taken).len(), state::MAX_ANSWER_BYTES + 1);
}

#[test]
fn an_answer_in_the_place_of_a_longer_one_tells_of_the_room_it_makes() {
    let limits = Limits::default().with_outbox_soft_mark(state::MAX_ANSWER_BYTES + 100);
    let (outbox, _pipe, _notifications) = open(0, &limits);
    outbox.push_answer(vec![7; state::MAX_ANSWER_BYTES]);
    outbox.push_answer(vec![8; 101]); // Kept, and more than the mark.
    let (tell, told) = std::sync::mpsc::channel();
    assert_eq!(outbox.send_bytes(b"x", false), SendStatus::Full);
    outbox.when_writable(Box::new(move || tell.send(()).unwrap()));
    assert!(told.try_recv().is_err());
    outbox.push_answer(vec![9; 10]);
    assert_eq!(told.try_recv(), Ok(()));
    assert_eq!(outbox.send_bytes(b"x", false), SendStatus::Sent);
}
