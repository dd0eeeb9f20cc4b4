//! What a queue promises, one test each.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::limits::WhenFull;
use crate::notifier::Notifications;
use crate::waker::LoopWaker;

const DEADLINE: Duration = Duration::from_secs(10);

type Queue = MessageQueue<Messages<Vec<u8>>>;

/// A queue whose loop this test stands for, and a system that takes messages or has no room.
struct World {
    queue: Queue,
    notifications: Arc<Notifications>,
    is_full: AtomicBool,
    written: Mutex<Vec<Vec<u8>>>,
}

impl World {
    /// One whose loop another thread has run.
    fn new(limits: Limits) -> Arc<Self> {
        let world = Self::unrun(limits);
        let notifications = Arc::clone(&world.notifications);
        let runner = thread::spawn(move || {
            notifications.set_running(true);
            notifications.set_running(false);
        });
        runner.join().unwrap();
        world
    }

    /// One whose loop nobody has run yet.
    fn unrun(limits: Limits) -> Arc<Self> {
        let waker = Arc::new(LoopWaker::new(None));
        let notifications = Arc::new(Notifications::new(waker, Clock::default()));
        let queue = Queue::new(Arc::new(limits));
        queue.set_notifier(Notifier::new(Arc::clone(&notifications), ResourceId::from(1)));
        let (is_full, written) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { queue, notifications, is_full, written })
    }

    fn full(limits: Limits) -> Arc<Self> {
        let world = Self::new(limits);
        world.is_full.store(true, Ordering::Relaxed);
        world
    }

    fn write(&self, waiting: &mut Messages<Vec<u8>>) -> Written {
        while !waiting.is_empty() {
            if self.is_full.load(Ordering::Relaxed) {
                return Written::FULL;
            }
            lock(&self.written).extend(waiting.pop());
        }
        Written::ALL
    }

    fn give(&self, message: &[u8], may_wait: bool, hint: SendHint) -> SendStatus {
        let put = |waiting: &mut Messages<Vec<u8>>| {
            waiting.push(message.into(), message.len());
            false
        };
        self.queue.send((message.len(), may_wait, hint), put, |waiting| self.write(waiting))
    }

    fn send(&self, message: &[u8]) -> SendStatus {
        self.give(message, true, SendHint::Alone)
    }

    fn try_send(&self, message: &[u8]) -> SendStatus {
        self.give(message, false, SendHint::Alone)
    }

    fn flush(&self) {
        self.queue.flush(|waiting| self.write(waiting));
    }

    /// The poller tells of room.
    fn empty(&self) {
        self.is_full.store(false, Ordering::Relaxed);
        self.flush();
    }

    /// Sends on a thread of its own, which waits.
    fn park(self: &Arc<Self>) -> mpsc::Receiver<SendStatus> {
        let (tell, status) = mpsc::channel();
        let world = Arc::clone(self);
        thread::spawn(move || tell.send(world.send(&[7; 10])));
        assert!(status.recv_timeout(Duration::from_millis(50)).is_err(), "there is no room");
        status
    }

    fn written(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut lock(&self.written))
    }

    fn held(&self) -> usize {
        self.notifications.budget().held()
    }

    fn told(&self) -> Vec<Readiness> {
        std::iter::from_fn(|| self.notifications.pop()).map(|(_, readiness)| readiness).collect()
    }
}

/// A soft mark of 20 bytes and a hard limit of 100.
fn small() -> Limits {
    Limits::default().with_outbox_soft_mark(20).with_outbox_hard_limit(100)
}

#[test]
fn what_is_sent_leaves_at_once_in_order_and_counts_while_it_waits() {
    let world = World::new(small());
    assert_eq!(world.send(b"first"), SendStatus::Sent);
    assert!(world.queue.is_idle());
    assert_eq!(world.give(b"second", true, SendHint::CallerFlushes), SendStatus::Sent);
    assert_eq!((world.queue.queued(), world.held(), world.written().len()), (6, 6, 1));
    assert_eq!(world.send(b"third"), SendStatus::Sent);
    assert_eq!(world.written(), [&b"second"[..], b"third"]);
    assert_eq!((world.queue.queued(), world.held()), (0, 0));
}

#[test]
fn above_the_soft_mark_who_may_not_wait_is_refused_and_nothing_is_taken() {
    let world = World::full(small());
    assert_eq!(world.try_send(&[7; 21]), SendStatus::Sent);
    assert_eq!(world.try_send(&[8; 1]), SendStatus::Full);
    assert_eq!(world.queue.queued(), 21);
    assert!(world.told().contains(&Readiness::default()), "the loop watches the peer");
    world.empty();
    assert_eq!(world.try_send(&[9; 1]), SendStatus::Sent);
    assert_eq!(world.written(), [vec![7; 21], vec![9; 1]]);
}

#[test]
fn who_may_wait_goes_on_when_there_is_room() {
    let world = World::full(small());
    world.try_send(&[6; 30]);
    let statuses = [world.park(), world.park()];
    world.empty();
    for status in statuses {
        assert_eq!(status.recv_timeout(DEADLINE), Ok(SendStatus::Sent));
    }
    assert_eq!(world.written().len(), 3);
}

#[test]
fn who_waits_writes_by_himself_what_the_system_takes() {
    let world = World::full(small());
    world.try_send(&[6; 30]);
    let status = world.park();
    world.is_full.store(false, Ordering::Relaxed); // And nobody tells.
    assert_eq!(status.recv_timeout(DEADLINE), Ok(SendStatus::Sent));
}

#[test]
fn who_waits_sees_the_end_of_queue_and_node_and_of_patience() {
    type End = fn(&World);
    let ends: [End; 4] = [
        |world| world.queue.end(),
        |world| world.queue.abort(CloseReason::Reset),
        |world| world.notifications.set_stopping(), // Nobody wakes.
        |_| {},
    ];
    for end in ends {
        let world = World::full(small().with_stall_timeout(Duration::from_millis(200)));
        world.try_send(&[6; 30]);
        let status = world.park();
        end(&world);
        assert_eq!(status.recv_timeout(DEADLINE), Ok(SendStatus::ResourceNotFound));
        if world.queue.failure() == Some(CloseReason::Stalled) {
            assert_eq!((world.queue.queued(), world.held()), (0, 0));
        }
    }
}

#[test]
fn the_callback_queues_up_to_the_hard_limit_and_there_the_queue_fails() {
    let world = World::full(small());
    world.notifications.set_running(true);
    for _ in 0..10 {
        assert_eq!(world.send(&[7; 10]), SendStatus::Sent);
    }
    assert_eq!(world.send(&[7; 10]), SendStatus::ResourceNotFound);
    assert_eq!(world.queue.failure(), Some(CloseReason::OutboxLimit { queued: 100 }));
    assert_eq!((world.queue.queued(), world.held()), (0, 0));
    assert!(world.told().contains(&Readiness::WRITABLE), "the loop ends the connection");
    assert_eq!(world.queue.closing(), Closing::Failed(CloseReason::OutboxLimit { queued: 100 }));
}

#[test]
fn the_callback_is_held_up_at_the_hard_limit_where_that_is_wanted() {
    let world = World::full(small().with_when_full(WhenFull::Wait));
    world.notifications.set_running(true);
    world.send(&[7; 95]);
    let peer = Arc::clone(&world);
    let peer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20)); // The callback waits by now, or need not.
        peer.is_full.store(false, Ordering::Relaxed);
    });
    assert_eq!(world.send(&[7; 10]), SendStatus::Sent);
    peer.join().unwrap();
}

#[test]
fn the_callback_is_not_held_up_for_an_end_of_its_own_node() {
    let world = World::new(small().with_when_full(WhenFull::Wait));
    world.notifications.set_running(true);
    let reader = Notifier::new(Arc::clone(&world.notifications), ResourceId::from(2));
    world.queue.set_reader(reader);
    let push = || {
        world.queue.push((60, true), |waiting| {
            waiting.push(vec![7; 60], 60);
            false
        })
    };
    assert_eq!(push(), SendStatus::Sent);
    assert_eq!(push(), SendStatus::ResourceNotFound);
    assert_eq!(world.queue.failure(), Some(CloseReason::OutboxLimit { queued: 60 }));
}

#[test]
fn where_nobody_runs_the_loop_yet_nobody_waits() {
    let world = World::unrun(small());
    world.is_full.store(true, Ordering::Relaxed);
    for _ in 0..10 {
        assert_eq!(world.send(&[7; 10]), SendStatus::Sent);
    }
    assert_eq!(world.try_send(&[7; 10]), SendStatus::Full);
}

#[test]
fn a_message_longer_than_the_hard_limit_passes_where_nothing_waits_and_does_not_count() {
    let world = World::full(small().with_outbox_soft_mark(1000));
    assert_eq!(world.try_send(&[7; 500]), SendStatus::Sent);
    assert_eq!(world.try_send(&[8; 100]), SendStatus::Sent);
    world.empty();
    world.is_full.store(true, Ordering::Relaxed);
    assert_eq!(world.try_send(&[8; 100]), SendStatus::Sent);
    assert_eq!(world.try_send(&[8; 1]), SendStatus::ResourceNotFound);
    assert_eq!(world.queue.failure(), Some(CloseReason::OutboxLimit { queued: 100 }));
}

#[test]
fn who_wants_to_know_of_room_is_told_once_and_may_send_then() {
    let world = World::full(small());
    let told = Arc::new(AtomicUsize::new(0));
    let tell = |world: &Arc<World>| {
        let (world, told) = (Arc::clone(world), Arc::clone(&told));
        move || {
            world.give(b"told", false, SendHint::CallerFlushes);
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    world.queue.when_writable(Box::new(tell(&world)));
    assert_eq!(told.load(Ordering::Relaxed), 1, "there is room");
    world.try_send(&[7; 30]);
    world.queue.when_writable(Box::new(tell(&world)));
    assert_eq!(told.load(Ordering::Relaxed), 1);
    world.empty();
    world.flush();
    assert_eq!(told.load(Ordering::Relaxed), 2);
    assert_eq!(world.written().len(), 3);
    world.queue.end();
    world.queue.when_writable(Box::new(tell(&world)));
    assert_eq!(told.load(Ordering::Relaxed), 2, "there is none at the end");
}

#[test]
fn what_waits_behind_the_end_still_leaves_and_the_loop_is_told() {
    let world = World::full(small());
    world.send(b"last");
    world.queue.end();
    assert_eq!(world.send(b"late"), SendStatus::ResourceNotFound);
    assert_eq!(world.queue.closing(), Closing::Flushing);
    world.told();
    world.empty();
    assert_eq!(world.told(), [Readiness::WRITABLE]);
    assert_eq!(world.queue.closing(), Closing::Done);
    assert_eq!(world.written(), [b"last"]);
}

#[test]
fn the_other_end_is_told_of_the_first_message_and_of_the_end() {
    let world = World::new(small());
    let reader = Notifier::new(Arc::clone(&world.notifications), ResourceId::from(2));
    let push = |message: &[u8]| {
        world.queue.push((message.len(), false), |waiting| {
            waiting.push(message.into(), message.len());
            false
        })
    };
    assert_eq!(push(b"before"), SendStatus::Sent);
    world.queue.set_reader(reader);
    assert_eq!(world.told(), [Readiness::READABLE], "of what came before");
    assert_eq!(push(b"next"), SendStatus::Sent);
    assert_eq!(world.told(), []);
    assert_eq!(world.queue.taken(), Some(0));
    assert_eq!(world.queue.take(Messages::pop).as_deref(), Some(&b"before"[..]));
    assert_eq!((world.queue.taken(), world.held()), (Some(6), 4));
    assert_eq!(world.queue.take(Messages::pop).as_deref(), Some(&b"next"[..]));
    assert_eq!((world.queue.taken(), world.held()), (None, 0));
    assert_eq!(push(b"last"), SendStatus::Sent);
    world.queue.abandon();
    assert!(world.told().contains(&Readiness::READABLE));
    assert_eq!(world.queue.closing(), Closing::Failed(CloseReason::Reset));
}

#[test]
fn room_that_is_told_while_a_thread_finds_none_is_used() {
    let world = World::full(small());
    world.give(b"waits", true, SendHint::CallerFlushes);
    let mut told = false;
    world.queue.flush(|waiting| {
        let written = world.write(waiting);
        if !std::mem::replace(&mut told, true) {
            world.empty(); // The poller's edge, which comes once.
        }
        written
    });
    assert_eq!(world.queue.queued(), 0, "the edge is gone, and nobody else will write");
    assert_eq!(world.queue.change_of_watch(), None);
}

#[test]
fn room_that_is_told_at_every_write_that_finds_none_is_left_to_the_loop() {
    let world = World::full(small());
    world.give(b"waits", true, SendHint::CallerFlushes);
    world.told();
    world.queue.flush(|waiting| {
        world.flush(); // An edge, again and again.
        world.write(waiting)
    });
    assert_eq!(world.told(), [Readiness::WRITABLE], "or nobody writes");
}

#[test]
fn the_poller_is_asked_for_room_only_while_something_waits_for_it() {
    let world = World::full(small());
    world.send(b"waits");
    assert_eq!(world.queue.change_of_watch(), Some(true));
    assert_eq!(world.queue.change_of_watch(), None);
    world.empty();
    assert_eq!(world.queue.change_of_watch(), Some(false));
}

#[test]
fn a_write_that_panics_ends_the_queue_and_lets_go_who_waits() {
    let world = World::full(small());
    world.try_send(&[6; 30]);
    let status = world.park();
    let flush = std::panic::AssertUnwindSafe(|| world.queue.flush(|_| panic!("of the adapter")));
    std::panic::catch_unwind(flush).unwrap_err();
    assert_eq!(status.recv_timeout(DEADLINE), Ok(SendStatus::ResourceNotFound));
    assert_eq!(world.queue.failure(), Some(CloseReason::Panicked));
    assert_eq!((world.queue.queued(), world.held()), (0, 0));
}

#[test]
fn what_waits_moves_with_the_connection_to_another_loop_and_goes_with_the_queue() {
    let (world, other) = (World::full(small()), World::new(small()));
    world.send(b"waits");
    assert_eq!((world.held(), other.held()), (5, 0));
    let notifier = Notifier::new(Arc::clone(&other.notifications), ResourceId::from(1));
    world.queue.set_notifier(notifier);
    assert_eq!((world.held(), other.held()), (0, 5));
    drop(world);
    assert_eq!(other.held(), 0);
}

#[test]
fn a_lossy_queue_refuses_at_its_bound_and_nobody_waits() {
    let queue = MessageQueue::<Messages<Vec<u8>>>::lossy(20);
    let send = || {
        let put = |waiting: &mut Messages<Vec<u8>>| {
            waiting.push(vec![7; 10], 10);
            false
        };
        queue.send((10, true, SendHint::Alone), put, |_| Written::FULL)
    };
    assert_eq!(
        [send(), send(), send(), send()].map(|it| it == SendStatus::Sent),
        [true, true, true, false]
    );
    assert_eq!(send(), SendStatus::Full);
    queue.clear();
    assert_eq!((send(), queue.queued()), (SendStatus::Sent, 10));
}
