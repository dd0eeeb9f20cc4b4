//! Whose turn it is to write, and who waits for room: nothing mixes, nothing is left behind.

mod every_pair;

use std::io;

use loom::thread;

use super::*;
use crate::adapter::{Registration, SendFlags};
use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::message::{Message, MessageKind};
use crate::notifier::Notifications;
use crate::send_hint::{SendHint, current_hint};
use crate::send_status::SendStatus;
use crate::stream::Frame;
use crate::waker::LoopWaker;

/// Frames that are the message, which tests choose so that it tells its own length.
struct Bare;

impl Encoder for Bare {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl<S: Stream, E: Encoder> Outbox<S, E> {
    fn send_bytes(&self, message: &[u8], wait: bool) -> SendStatus {
        self.send(message, SendFlags::new(MessageKind::BINARY, current_hint()), wait)
    }

    /// As one of several, behind which the caller flushes.
    fn send_in_batch(&self, message: &[u8], wait: bool) -> SendStatus {
        let flags = SendFlags::new(MessageKind::BINARY, SendHint::CallerFlushes);
        self.send(message, flags, wait)
    }
}

type PipeOutbox = Outbox<Arc<Pipe>, Bare>;

/// Takes bytes while it has room, from one writer at a time.
struct Pipe {
    room: Mutex<usize>,
    is_written: AtomicBool,
    taken: std::sync::Mutex<Vec<u8>>,
    /// Done by another thread during the next write.
    meanwhile: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
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

    fn write_vectored(&self, buffers: &[io::IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.is_written.swap(true, Ordering::Relaxed), "two threads write");
        let bytes: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
        let mut room = self.room.lock().unwrap();
        let len = bytes.len().min(*room);
        self.taken.lock().unwrap().extend(&bytes[..len]);
        *room -= len;
        drop(room);
        if let Some(act) = self.meanwhile.lock().unwrap().take() {
            thread::spawn(act).join().unwrap();
        }
        self.is_written.store(false, Ordering::Relaxed);
        if len == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(len) }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An outbox, open on a pipe with so much room, and the notifications of its loop.
fn open(room: usize, limits: &Limits) -> (Arc<PipeOutbox>, Arc<Pipe>, Arc<Notifications>) {
    let notifications =
        Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
    let pipe = Arc::new(Pipe {
        room: Mutex::new(room),
        is_written: AtomicBool::new(false),
        taken: std::sync::Mutex::default(),
        meanwhile: std::sync::Mutex::default(),
    });
    let outbox = Arc::new(Outbox::new(Bare, Arc::new(limits.clone())));
    outbox.set_notifier(Notifier::new(Arc::clone(&notifications), ResourceId::from(1)));
    outbox.open(Arc::clone(&pipe)).unwrap();
    (outbox, pipe, notifications)
}

fn serve(outbox: &PipeOutbox, notifications: &Notifications) {
    notifications.waker().hear();
    while notifications.pop().is_some() {
        outbox.flush().unwrap();
    }
    if notifications.pop_later().is_some() {
        outbox.flush().unwrap();
    }
}

#[test]
fn frames_of_threads_and_the_loop_never_mix_and_none_stays() {
    loom::model(|| {
        let (outbox, pipe, notifications) = open(100, &Limits::default());
        let rows: [&'static [&'static [u8]]; 2] = [&[&[2, 2], &[1]], &[&[3, 3, 3]]];
        let senders: Vec<_> = rows
            .into_iter()
            .map(|messages| {
                let outbox = Arc::clone(&outbox);
                thread::spawn(move || {
                    for message in messages {
                        assert_eq!(outbox.send_bytes(message, false), SendStatus::Sent);
                    }
                })
            })
            .collect();
        serve(&outbox, &notifications);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        // The pipe never blocked, so that nothing but notifications calls the loop.
        serve(&outbox, &notifications);
        assert_eq!(outbox.queued(), 0);
        let taken = pipe.taken.lock().unwrap();
        let orders = [[2, 2, 1, 3, 3, 3], [2, 2, 3, 3, 3, 1], [3, 3, 3, 2, 2, 1]];
        assert!(orders.iter().any(|order| order[..] == taken[..]), "{taken:?}");
    });
}

/// The loop leaves messages to gather, and whoever sends writes them if they are enough.
#[test]
fn what_is_left_to_gather_is_written_by_the_loop_or_a_sender() {
    loom::model(|| {
        let (outbox, pipe, notifications) = open(100, &Limits::default());
        notifications.set_running(true);
        notifications.waker().awake();
        let send = |messages: &'static [&'static [u8]]| {
            let outbox = Arc::clone(&outbox);
            move || {
                for message in messages {
                    assert_eq!(outbox.send_bytes(message, false), SendStatus::Sent);
                }
            }
        };
        *pipe.meanwhile.lock().unwrap() = Some(Box::new(send(&[&[2, 2]])));
        outbox.push(vec![1]);
        assert!(notifications.pop().is_some());
        outbox.flush().unwrap();
        assert_eq!(outbox.queued(), 2, "left to gather");

        let sender = thread::spawn(send(&[&[3, 3, 3], &[1]]));
        serve(&outbox, &notifications);
        sender.join().unwrap();
        while outbox.queued() > 0 {
            assert!(notifications.waker().is_rung(), "the loop comes");
            serve(&outbox, &notifications);
        }
        assert_eq!(pipe.taken.lock().unwrap()[..], [1, 2, 2, 3, 3, 3, 1]);
    });
}

#[test]
fn a_frame_that_was_cut_goes_on_before_all_else() {
    loom::model(|| {
        let (outbox, pipe, notifications) = open(1, &Limits::default());
        let sender = {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || {
                outbox.send_bytes(&[2, 2], false);
                outbox.send_bytes(&[3, 3, 3], false);
            })
        };
        serve(&outbox, &notifications);
        sender.join().unwrap();
        serve(&outbox, &notifications);
        *pipe.room.lock().unwrap() = 100;
        outbox.flush().unwrap(); // The poller tells that there is room.
        assert_eq!(outbox.queued(), 0);
        assert_eq!(pipe.taken.lock().unwrap()[..], [2, 2, 3, 3, 3]);
    });
}

/// The poller tells once that there is room; a thread may be finding none just then.
#[test]
fn room_that_is_told_while_a_thread_writes_is_used_by_one_of_the_two() {
    loom::model(|| {
        let (outbox, pipe, notifications) = open(1, &Limits::default());
        outbox.send_bytes(&[3, 3, 3], false);
        while notifications.pop().is_some() {}
        let writer = {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || outbox.flush().unwrap())
        };
        *pipe.room.lock().unwrap() = 100;
        outbox.flush().unwrap();
        writer.join().unwrap();
        assert!(notifications.pop().is_none());
        assert_eq!(outbox.queued(), 0, "nobody comes any more");
    });
}

/// The loop may find that another thread writes, and then waits to shut the stream down.
#[test]
fn a_loop_that_closes_is_called_when_a_thread_has_written_the_last() {
    loom::model(|| {
        let (outbox, pipe, notifications) = open(1, &Limits::default());
        outbox.send_bytes(&[2, 2], false);
        while notifications.pop().is_some() {}
        *pipe.room.lock().unwrap() = 100;
        let writer = {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || outbox.flush().unwrap())
        };
        outbox.end();
        outbox.flush().unwrap();
        let is_seen = outbox.is_drained();
        writer.join().unwrap();
        assert!(outbox.is_drained());
        assert!(is_seen || notifications.pop().is_some(), "it waits for its linger time");
    });
}

/// A missed notification shows as a deadlock.
#[test]
fn a_sender_that_waits_for_room_goes_on_when_there_is_some() {
    loom::model(|| {
        let limits = Limits::default().with_outbox_soft_mark(1);
        let (outbox, pipe, notifications) = open(0, &limits);
        notifications.set_awaits_runner(true);
        let sender = {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || {
                assert_eq!(outbox.send_bytes(&[2, 2], true), SendStatus::Sent);
                assert_eq!(outbox.send_bytes(&[3, 3, 3], true), SendStatus::Sent);
            })
        };
        // The loop's part: it writes when it is called, and when the poller tells of room.
        *pipe.room.lock().unwrap() = 100;
        outbox.flush().unwrap();
        while outbox.queued() > 0 || pipe.taken.lock().unwrap().len() < 5 {
            serve(&outbox, &notifications);
            thread::yield_now();
        }
        sender.join().unwrap();
        assert_eq!(pipe.taken.lock().unwrap()[..], [2, 2, 3, 3, 3]);
    });
}

#[test]
fn a_sender_that_waits_for_room_is_released_at_the_end() {
    loom::model(|| {
        let limits = Limits::default().with_outbox_soft_mark(1);
        let (outbox, _pipe, notifications) = open(0, &limits);
        notifications.set_awaits_runner(true);
        let sender = {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || {
                outbox.send_bytes(&[2, 2], true);
                assert_eq!(outbox.send_bytes(&[3, 3, 3], true), SendStatus::ResourceNotFound);
            })
        };
        outbox.end();
        sender.join().unwrap();
    });
}
