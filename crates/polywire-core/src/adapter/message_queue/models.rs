//! Who writes, who takes, and who waits for room: nothing is lost, doubled or left behind.

use loom::thread;

use super::*;
use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::notifier::Notifications;
use crate::waker::LoopWaker;

type Queue = MessageQueue<Messages<u8>>;

/// A system with room for so many messages, which one thread at a time writes to.
struct System {
    room: Mutex<usize>,
    is_written: AtomicBool,
    taken: std::sync::Mutex<Vec<u8>>,
}

impl System {
    fn new(room: usize) -> Arc<Self> {
        let (room, is_written) = (Mutex::new(room), AtomicBool::new(false));
        Arc::new(Self { room, is_written, taken: std::sync::Mutex::default() })
    }

    fn write(&self, waiting: &mut Messages<u8>) -> Written {
        assert!(!self.is_written.swap(true, Ordering::Relaxed), "two threads write");
        while !waiting.is_empty() {
            let mut room = self.room.lock().unwrap();
            if *room == 0 {
                break;
            }
            *room -= 1;
            self.taken.lock().unwrap().extend(waiting.pop());
        }
        self.is_written.store(false, Ordering::Relaxed);
        if waiting.is_empty() { Written::ALL } else { Written::FULL }
    }
}

fn queue(limits: Limits) -> (Arc<Queue>, Arc<Notifications>) {
    let notifications =
        Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
    let queue = Queue::new(Arc::new(limits));
    queue.set_notifier(Notifier::new(Arc::clone(&notifications), ResourceId::from(1)));
    (Arc::new(queue), notifications)
}

fn put(message: u8) -> impl FnOnce(&mut Messages<u8>) -> bool {
    move |waiting| {
        waiting.push(message, 1);
        false
    }
}

fn send(queue: &Queue, system: &System, message: u8, hint: SendHint) {
    let status = queue.send((1, false, hint), put(message), |waiting| system.write(waiting));
    assert_eq!(status, SendStatus::Sent);
}

/// The loop does what it was notified of.
fn serve(queue: &Queue, system: &System, notifications: &Notifications) {
    while notifications.pop().is_some() {
        queue.flush(|waiting| system.write(waiting));
    }
}

#[test]
fn messages_of_threads_leave_once_and_in_order_and_none_stays() {
    loom::model(|| {
        let ((queue, notifications), system) = (queue(Limits::default()), System::new(10));
        let senders = [[1, 2], [3, 4]].map(|messages| {
            let (queue, system) = (Arc::clone(&queue), Arc::clone(&system));
            thread::spawn(move || {
                send(&queue, &system, messages[0], SendHint::Alone);
                send(&queue, &system, messages[1], SendHint::Alone);
            })
        });
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        serve(&queue, &system, &notifications);
        let taken = system.taken.lock().unwrap();
        let at = |message| taken.iter().position(|it| *it == message).expect("it has left");
        assert!(taken.len() == 4 && at(1) < at(2) && at(3) < at(4), "{taken:?}");
        assert_eq!((queue.queued(), notifications.budget().held()), (0, 0));
    });
}

#[test]
fn an_edge_that_comes_while_a_thread_finds_no_room_is_not_lost() {
    loom::model(|| {
        let ((queue, notifications), system) = (queue(Limits::default()), System::new(0));
        let sender = {
            let (queue, system) = (Arc::clone(&queue), Arc::clone(&system));
            thread::spawn(move || send(&queue, &system, 1, SendHint::Alone))
        };
        *system.room.lock().unwrap() = 1;
        queue.flush(|waiting| system.write(waiting)); // The poller's edge, once.
        sender.join().unwrap();
        serve(&queue, &system, &notifications);
        assert_eq!(*system.taken.lock().unwrap(), [1]);
    });
}

#[test]
fn the_other_end_is_notified_of_every_message_that_it_does_not_see() {
    loom::model(|| {
        let (queue, _) = queue(Limits::default());
        let reader = Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
        let sender = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                assert_eq!(queue.push((1, false), put(1)), SendStatus::Sent);
                assert_eq!(queue.push((1, false), put(2)), SendStatus::Sent);
            })
        };
        queue.set_reader(Notifier::new(Arc::clone(&reader), ResourceId::from(2)));
        let mut taken = Vec::new();
        let mut look = || {
            while reader.pop().is_some() {
                taken.extend(std::iter::from_fn(|| queue.take(Messages::pop)));
            }
        };
        look();
        sender.join().unwrap();
        look();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn whoever_wants_to_know_of_room_is_told_or_there_is_room() {
    loom::model(|| {
        let (queue, _) = queue(Limits::default().with_outbox_soft_mark(0));
        assert_eq!(queue.push((1, false), put(1)), SendStatus::Sent);
        let told = Arc::new(AtomicBool::new(false));
        let taker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert_eq!(queue.take(Messages::pop), Some(1)))
        };
        let tell = Arc::clone(&told);
        queue.when_writable(Box::new(move || tell.store(true, Ordering::Relaxed)));
        taker.join().unwrap();
        assert!(told.load(Ordering::Relaxed));
    });
}
