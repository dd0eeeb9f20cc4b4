//! Who waits for room to send, and what tells that there is some.
//!
//! Nothing is queued on this side, so nothing falls below a mark: the system alone knows. Where it tells of the room at
//! the peer, the socket is polled for it while somebody waits. It does not for the many peers of a listener, nor on
//! every system: there whoever waits tries again after a while.

use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Interest;

/// After which it is tried again, where nothing tells of room.
const RETRY_DELAY: Duration = Duration::from_millis(20);

/// What runs once there is room.
pub(super) type Tell = Box<dyn FnOnce() + Send>;

/// The system took the last datagram, as far as is known.
const ROOM: u8 = 0;
/// It did not.
const FULL: u8 = 1;
/// It did not, and then room was told of.
const TOLD: u8 = 2;
/// It did not even then: what was told of is some other room.
const TOLD_IN_VAIN: u8 = 3;

#[derive(Debug)]
pub(super) struct Waiters {
    /// Whether the poller tells of room: of a socket that is connected.
    is_polled: bool,
    /// One of the values above.
    room: AtomicU8,
    /// Bytes of the shortest datagram that the system has not taken, unless there is `ROOM`.
    refused: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Tell>,
    /// Somebody has begun to wait since the loop looked.
    has_new: bool,
    /// The poller is to tell.
    is_watched: bool,
    /// A deadline is to tell.
    has_deadline: bool,
    /// The poller can't be asked.
    is_unpolled: bool,
    is_over: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// What the loop is to do with the socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    Nothing,
    /// Poll it for that.
    Watch(Interest),
    /// Call [`Waiters::expire`] after that time.
    Retry(Duration),
}

impl Waiters {
    pub(super) fn new(is_polled: bool) -> Self {
        let (room, refused) = (AtomicU8::new(ROOM), AtomicUsize::new(0));
        Self { is_polled, room, refused, state: Mutex::default() }
    }

    /// The system took a datagram of `len` bytes.
    #[inline]
    pub(super) fn note_sent(&self, len: usize) {
        // One peer of a listener takes what another does not: that is full until it is tried again. And a short datagram
        // fits where a long one does not.
        if self.is_polled
            && self.room.load(Ordering::Relaxed) != ROOM
            && len >= self.refused.load(Ordering::Relaxed)
        {
            self.room.store(ROOM, Ordering::Relaxed);
        }
    }

    /// The system had no room for one of `len` bytes.
    pub(super) fn note_full(&self, len: usize) {
        let before = self.room.load(Ordering::Relaxed);
        // Threads that note at once may mix up what they note: then room is told of once for nothing, or by the poller
        // rather than at once.
        let refused = match before {
            ROOM => len,
            _ => len.min(self.refused.load(Ordering::Relaxed)),
        };
        self.refused.store(refused, Ordering::Relaxed);
        let room = match before {
            TOLD | TOLD_IN_VAIN => TOLD_IN_VAIN,
            _ => FULL,
        };
        self.room.store(room, Ordering::Relaxed);
    }

    /// Runs `tell` at once if there is room, as far as is known. Otherwise keeps it, and returns that the loop is to
    /// [look](Self::look).
    pub(super) fn add(&self, tell: Tell) -> bool {
        if matches!(self.room.load(Ordering::Relaxed), ROOM | TOLD) {
            tell();
            return false;
        }
        let mut state = self.lock();
        if state.is_over {
            drop(state); // And then `tell`, which may hold anything of the program's.
            return false;
        }
        state.waiting.push(tell);
        !mem::replace(&mut state.has_new, true)
    }

    /// The socket is new to its poller, which has it for reading alone. Returns whether the loop is to
    /// [look](Self::look).
    pub(super) fn restart(&self) -> bool {
        let mut state = self.lock();
        (state.is_watched, state.has_deadline) = (false, false);
        state.has_new = !state.waiting.is_empty();
        state.has_new
    }

    /// The loop looks: somebody has begun to wait, or the poller tells of room.
    pub(super) fn look(&self) -> Look {
        let mut state = self.lock();
        if mem::take(&mut state.has_new) {
            return self.begin(&mut state);
        }
        if !state.is_watched {
            return Look::Nothing;
        }
        state.is_watched = false;
        self.tell(state);
        Look::Watch(Interest::READABLE)
    }

    fn begin(&self, state: &mut State) -> Look {
        let is_polled = self.is_polled && !state.is_unpolled;
        if is_polled && self.room.load(Ordering::Relaxed) != TOLD_IN_VAIN {
            // Also if it is watched: this makes the poller tell of room that is there by now.
            state.is_watched = true;
            return Look::Watch(Interest::READABLE | Interest::WRITABLE);
        }
        match mem::replace(&mut state.has_deadline, true) {
            true => Look::Nothing,
            false => Look::Retry(RETRY_DELAY),
        }
    }

    /// The deadline is over.
    pub(super) fn expire(&self) {
        let mut state = self.lock();
        state.has_deadline = false;
        self.tell(state);
    }

    /// The poller can't be asked: a deadline does.
    pub(super) fn not_watched(&self, error: &io::Error) -> Look {
        tracing::debug!(%error, "can't poll for room to send: it is tried now and then");
        let mut state = self.lock();
        (state.is_watched, state.is_unpolled) = (false, true);
        self.begin(&mut state)
    }

    /// Nobody is told any more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_over = true;
        self.room.store(FULL, Ordering::Relaxed); // Has whoever asks for room look at `is_over`.
        let forgotten = mem::take(&mut state.waiting);
        drop(state);
        drop(forgotten); // Without the lock: it may hold anything of the program's.
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let told = mem::take(&mut state.waiting);
        state.has_new = false;
        if !state.is_over {
            self.room.store(TOLD, Ordering::Relaxed);
        }
        drop(state);
        told.into_iter().for_each(|tell| tell());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const WATCH: Look = Look::Watch(Interest::READABLE.add(Interest::WRITABLE));
    const UNWATCH: Look = Look::Watch(Interest::READABLE);

    /// Waiters, one of whom counts how often they are told.
    struct World(Waiters, Arc<AtomicUsize>);

    impl World {
        fn new(is_polled: bool) -> Self {
            Self(Waiters::new(is_polled), Arc::default())
        }

        fn add(&self) -> bool {
            let told = Arc::clone(&self.1);
            self.0.add(Box::new(move || _ = told.fetch_add(1, Ordering::Relaxed)))
        }

        fn told(&self) -> usize {
            self.1.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn the_poller_tells_of_room_again_and_again() {
        let world = World::new(true);
        for round in 0..3 {
            world.0.note_full(5);
            assert!(world.add());
            assert_eq!(world.0.look(), WATCH);
            assert_eq!(world.told(), round);
            assert_eq!(world.0.look(), UNWATCH);
            assert_eq!(world.told(), round + 1);
            assert_eq!(world.0.look(), Look::Nothing);
            world.0.note_sent(5);
        }
    }

    #[test]
    fn a_poller_that_tells_in_vain_is_not_asked_again_until_a_datagram_is_sent() {
        let world = World::new(true);
        world.0.note_full(5);
        world.add();
        assert_eq!((world.0.look(), world.0.look()), (WATCH, UNWATCH));
        for told in 1..4 {
            world.0.note_full(5);
            assert!(world.add());
            assert_eq!(world.0.look(), Look::Retry(RETRY_DELAY));
            assert!(world.add(), "the loop is to look once more");
            assert_eq!(world.0.look(), Look::Nothing, "and leaves the deadline as it is");
            assert_eq!(world.told(), 2 * told - 1);
            world.0.expire();
            assert_eq!(world.told(), 2 * told + 1);
        }
        world.0.note_sent(5);
        world.0.note_full(5);
        world.add();
        assert_eq!(world.0.look(), WATCH);
    }

    #[test]
    fn a_datagram_that_was_taken_tells_nothing_of_longer_ones() {
        let world = World::new(true);
        world.0.note_full(200_000);
        world.0.note_full(100_000);
        world.0.note_sent(5);
        assert!(world.add());
        assert_eq!((world.0.look(), world.0.look()), (WATCH, UNWATCH));
        world.0.note_full(100_000);
        world.0.note_sent(99_999);
        assert!(world.add());
        assert_eq!(world.0.look(), Look::Retry(RETRY_DELAY), "the poller has told in vain");
        world.0.note_sent(100_000);
        assert!(!world.add());
        assert_eq!(world.told(), 2);

        world.0.note_full(200_000);
        world.0.note_sent(100_000);
        assert!(world.add(), "the shortest of this time counts");
    }

    #[test]
    fn a_listener_is_full_until_it_is_tried_again_whatever_other_peers_take() {
        let world = World::new(false);
        world.0.note_full(5);
        world.0.note_sent(5);
        assert!(world.add());
        assert_eq!(world.0.look(), Look::Retry(RETRY_DELAY));
        world.0.expire();
        assert!(!world.add());
        assert_eq!(world.told(), 2);
    }

    #[test]
    fn nobody_is_told_after_the_end() {
        for is_full in [true, false] {
            let world = World::new(true);
            if is_full {
                world.0.note_full(5);
                world.add();
            }
            world.0.end();
            assert!(!world.add());
            world.0.expire();
            assert!(!world.add());
            assert_eq!((world.told(), Arc::strong_count(&world.1)), (0, 1), "full: {is_full}");
        }
    }
}
