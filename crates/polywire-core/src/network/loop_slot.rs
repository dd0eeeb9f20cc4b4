//! Who runs the loop.
//!
//! A loop that nobody runs lies here. Whoever runs it takes it out and puts it back (or ends it),
//! so no lock is held while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event_loop::EventLoop;
use crate::shared::Shared;
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_for};

/// What the handles of a node and its processor share. With the last of them the loop ends.
pub(crate) struct LoopSlot {
    pub(crate) shared: Arc<Shared>,
    state: Mutex<State>,
    /// Notified when the loop is put back or ends, and when an outcome that somebody waits for is
    /// there.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    event_loop: Option<Box<EventLoop>>,
    /// Threads that wait to run it for the program.
    waiters: usize,
    /// Threads that wait for a change: without any, nobody is notified, which is a system call.
    waiting: usize,
}

/// What a thread that waits for the loop finds.
pub(crate) enum Acquired {
    /// The loop: nobody runs it.
    Free(Box<EventLoop>),
    /// What it waits for has happened.
    Happened,
    /// The loop ended for good.
    Ended,
    /// The time is over.
    TimedOut,
}

impl LoopSlot {
    /// A slot that `event_loop` lies in.
    pub(crate) fn new(shared: Arc<Shared>, event_loop: EventLoop) -> Self {
        let state = State { event_loop: Some(Box::new(event_loop)), ..State::default() };
        Self { shared, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes the loop if nobody runs it.
    pub(crate) fn try_take(&self) -> Option<Box<EventLoop>> {
        self.lock().event_loop.take()
    }

    /// Waits for the loop, to run it for the program: whoever runs it for less, woken by `wake`,
    /// hands it over. `None` if it ended.
    pub(crate) fn take_to_run(&self, wake: impl FnOnce()) -> Option<Box<EventLoop>> {
        let mut state = self.lock();
        if let Some(event_loop) = state.event_loop.take() {
            return Some(event_loop);
        }
        state.waiters += 1;
        drop(state);
        wake();
        let mut state = self.lock();
        while state.event_loop.is_none() && !self.shared.has_ended() {
            state = self.wait(state, None);
        }
        state.waiters -= 1;
        state.event_loop.take()
    }

    /// Whether a thread waits to run the loop for the program.
    pub(crate) fn has_waiters(&self) -> bool {
        self.lock().waiters > 0
    }

    /// Waits until nobody runs the loop or wants to, or `happened` (asked again at each change), or `until`.
    pub(crate) fn take(&self, until: Option<Instant>, happened: impl Fn() -> bool) -> Acquired {
        let mut state = self.lock();
        loop {
            if happened() {
                return Acquired::Happened;
            }
            if state.waiters == 0 {
                if let Some(event_loop) = state.event_loop.take() {
                    return Acquired::Free(event_loop);
                }
            }
            if self.shared.has_ended() {
                return Acquired::Ended;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Acquired::TimedOut;
            }
            state = self.wait(state, left);
        }
    }

    /// Waits for a change, or for so long.
    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = match time {
            None => wait(&self.changed, state),
            Some(time) => wait_for(&self.changed, state, time),
        };
        state.waiting -= 1;
        state
    }

    pub(crate) fn put_back(&self, event_loop: Box<EventLoop>) {
        self.change(|state| state.event_loop = Some(event_loop));
    }

    /// The loop is gone for good.
    fn end(&self) {
        self.shared.set_ended();
        self.change(|_| {});
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// Wakes those who wait for something the loop has just done.
    pub(crate) fn notify(&self) {
        self.change(|_| {});
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for LoopSlot {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(event_loop) = self.try_take() {
            Runner::new(self, event_loop).end();
        }
    }
}

impl fmt::Debug for LoopSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopSlot").finish_non_exhaustive()
    }
}

/// The loop while a thread runs it. It goes back to its slot on drop, or to its end if the thread
/// panics: then every socket is closed before the panic goes on.
pub(crate) struct Runner<'a> {
    slot: &'a LoopSlot,
    event_loop: Option<Box<EventLoop>>,
    /// The thread unwinds for a reason that the loop has nothing to do with: this was made by a `Drop`.
    was_panicking: bool,
}

impl<'a> Runner<'a> {
    /// Runs the loop for the program.
    pub(crate) fn new(slot: &'a LoopSlot, event_loop: Box<EventLoop>) -> Self {
        slot.shared.notifications.set_running(true);
        Self::borrowed(slot, event_loop)
    }

    /// Runs the loop on behalf of one call.
    pub(crate) fn borrowed(slot: &'a LoopSlot, event_loop: Box<EventLoop>) -> Self {
        slot.shared.notifications.set_borrowed();
        let was_panicking = std::thread::panicking();
        Self { slot, event_loop: Some(event_loop), was_panicking }
    }

    pub(crate) fn event_loop(&mut self) -> &mut EventLoop {
        self.event_loop.as_mut().expect("taken only by drop and end")
    }

    /// The loop, which the current thread goes on to hold: it is neither put back nor ended.
    #[allow(dead_code, reason = "called by the seam")]
    pub(crate) fn keep(mut self) -> Option<Box<EventLoop>> {
        let event_loop = self.event_loop.take();
        std::mem::forget(self);
        event_loop
    }

    /// Ends a loop whose resources are closed.
    #[allow(dead_code, reason = "called by the seam")]
    pub(crate) fn end_closed(mut self) {
        drop(self.event_loop.take());
    }

    /// Ends the loop for good, within its linger time.
    pub(crate) fn end(mut self) {
        if let Some(mut event_loop) = self.event_loop.take() {
            event_loop.shut_down();
        }
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        let mut event_loop = self.event_loop.take();
        let has_panicked = std::thread::panicking() && !self.was_panicking;
        match &mut event_loop {
            Some(event_loop) if !has_panicked => event_loop.become_busy(),
            _ => self.slot.shared.waker.become_busy(),
        }
        self.slot.shared.notifications.set_running(false);
        match event_loop {
            Some(event_loop) if !has_panicked => self.slot.put_back(event_loop),
            event_loop => {
                self.slot.shared.stop();
                drop(event_loop);
                self.slot.end();
                self.slot.shared.refuse_commands();
            }
        }
    }
}
