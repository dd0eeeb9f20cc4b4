//! The turns of a node: signals, then the network.

use std::cell::{Cell, RefCell};

use crate::endpoint::Endpoint;
use crate::event_loop::blame::{Culprit, blame};
use crate::event_loop::{EventHandler, EventLoop, TimeSlice, Wait, earlier};
use crate::events::{EventReceiver, EventSender};
use crate::net_event::NetEvent;
use crate::network::NetworkProcessor;
use crate::node::NodeEvent;
use crate::send_hint::begin_callback;
use crate::shared::Shared;

/// Signals delivered between two looks at the network, and priority ones before each of its
/// events: enough to be fast, too few to starve the rest.
const SIGNALS_PER_TURN: usize = 1024;
const PRIORITY_SIGNALS_PER_EVENT: usize = 16;

/// Runs the loop until the node is stopped.
pub(super) fn run<S: Send + 'static>(
    shared: &Shared,
    processor: &NetworkProcessor,
    signals: EventReceiver<S>,
    event_callback: impl FnMut(NodeEvent<'_, S>),
) {
    let Some(mut runner) = processor.enter() else { return };
    runner.event_loop().set_single_event(false); // Rather all that is there: it goes on anyway.
    runner.event_loop().bound_turns();
    let sender = signals.sender().clone();
    let (signals, next) = (RefCell::new(signals), Cell::new(Wait::No));
    let mut program = Program {
        shared,
        signals: &signals,
        sender: &sender,
        next: &next,
        slice: TimeSlice::new(),
        callback: event_callback,
    };

    let wait = || match next.get() {
        _ if shared.waker.is_rung() => Wait::No,
        // What this thread writes itself rings for nobody.
        _ if shared.notifications.is_draining() => next_of_program(shared, &signals),
        next => next,
    };
    runner.event_loop().outlive_adapters(&mut program, |event_loop, program| {
        turn_until_stopped(event_loop, program, &wait);
    });
    runner.end();
}

/// When signals or the end of the node want a turn, whatever the network does.
#[inline]
pub(super) fn next_of_program<S: Send + 'static>(
    shared: &Shared,
    signals: &RefCell<EventReceiver<S>>,
) -> Wait {
    let signals = signals.borrow();
    if !signals.is_empty() {
        return Wait::No;
    }
    let drained = shared.stop_if_drained();
    if shared.is_stopping() {
        return Wait::No;
    }
    let deadline = earlier(signals.next_deadline(), drained);
    deadline.map_or(Wait::Forever, Wait::Until)
}

#[inline(never)] // What a closure shares with its surroundings would cost each turn.
fn turn_until_stopped<S: Send + 'static, F: FnMut(NodeEvent<'_, S>)>(
    event_loop: &mut EventLoop,
    program: &mut Program<'_, S, F>,
    wait: &dyn Fn() -> Wait,
) {
    let shared = program.shared;
    let mut failures = 0;
    loop {
        // Mostly there are no news, no timers, and no end in sight.
        let is_quiet = program.next.get() == Wait::Forever && !shared.waker.is_rung();
        if !is_quiet || shared.notifications.is_draining() {
            event_loop.drain_commands(program);
            program.deliver_signals(event_loop); // None, once the node is stopping.
            shared.stop_if_drained(); // Where there is always something to do, nobody waits.
            if shared.is_stopping() {
                break;
            }
            program.next.set(next_of_program(shared, program.signals));
        }
        match event_loop.turn(wait, program) {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                shared.meet_failure(&error, failures);
            }
        }
    }
}

/// The callback, and the signals that it gets among the network's events.
pub(super) struct Program<'a, S, F> {
    pub(super) shared: &'a Shared,
    /// Not borrowed during the callback, which is free to panic.
    pub(super) signals: &'a RefCell<EventReceiver<S>>,
    /// To the same, and not to be borrowed.
    pub(super) sender: &'a EventSender<S>,
    /// When signals or the end of the node want a turn, as far as is known: the loop is rung for what is new.
    pub(super) next: &'a Cell<Wait>,
    /// Of the signals.
    pub(super) slice: TimeSlice,
    pub(super) callback: F,
}

impl<S: Send + 'static, F: FnMut(NodeEvent<'_, S>)> Program<'_, S, F> {
    /// Delivers the signals whose turn it is: priority first, timers that are due, then the others.
    pub(super) fn deliver_signals(&mut self, event_loop: &mut EventLoop) {
        let now = {
            let signals = self.signals.borrow();
            let deadline = signals.next_deadline();
            if deadline.is_none() && signals.is_empty() {
                return; // As mostly in a turn of the network.
            }
            deadline.map(|_| self.shared.clock.now())
        };
        self.slice.restart();
        for number in 0..SIGNALS_PER_TURN {
            if self.shared.is_stopping() {
                return;
            }
            let signal = {
                let mut signals = self.signals.borrow_mut();
                let due = |signals: &mut EventReceiver<S>| now.and_then(|now| signals.pop_due(now));
                let first = signals.pop_priority().or_else(|| due(&mut signals));
                first.or_else(|| signals.pop_ordinary())
            };
            let Some(signal) = signal else { return };
            // Not sooner: a timer that is not due must not end what other threads gather.
            event_loop.become_busy();
            if number > 0 {
                self.slice.begin(&self.shared.clock);
            }
            begin_callback();
            blame(Culprit::Program, || (self.callback)(NodeEvent::Signal(signal)));
            if self.slice.count(&self.shared.clock) {
                return;
            }
        }
    }

    #[cold]
    fn deliver_priority_signals(&mut self) {
        for _ in 0..PRIORITY_SIGNALS_PER_EVENT {
            if self.shared.is_stopping() {
                return;
            }
            let Some(signal) = self.signals.borrow_mut().pop_priority() else { return };
            begin_callback();
            blame(Culprit::Program, || (self.callback)(NodeEvent::Signal(signal)));
        }
    }
}

impl<S: Send + 'static, F: FnMut(NodeEvent<'_, S>)> EventHandler for Program<'_, S, F> {
    fn heard(&mut self) {
        self.next.set(Wait::No);
    }

    #[inline]
    fn deliver_priority(&mut self) {
        if self.sender.has_priority() {
            self.deliver_priority_signals();
        }
    }

    fn prepare(&mut self) -> bool {
        self.deliver_priority();
        !self.shared.is_stopping()
    }

    fn event(&mut self, event: NetEvent<'_>) {
        blame(Culprit::Program, || (self.callback)(NodeEvent::Network(event)));
    }

    #[inline(always)]
    fn message(&mut self, endpoint: &Endpoint, message: &[u8]) {
        blame(Culprit::Program, || {
            (self.callback)(NodeEvent::Network(NetEvent::Message(*endpoint, message)));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node;

    #[test]
    fn a_timer_that_is_not_due_does_not_end_what_other_threads_gather() {
        let (handler, listener) = node::split::<()>();
        handler.signals().send_with_timer((), Duration::from_secs(3600));
        let shared = &*listener.shared;
        let mut runner = listener.processor.enter().expect("nobody runs the loop");
        let (sender, slice) = (listener.signals.sender().clone(), TimeSlice::new());
        let signals = RefCell::new(listener.signals);
        let (callback, next) = (|_: NodeEvent<'_, ()>| {}, Cell::new(Wait::No));
        let (signals, sender, next) = (&signals, &sender, &next);
        let mut program = Program { shared, signals, sender, next, slice, callback };

        shared.waker.awake();
        program.deliver_signals(runner.event_loop());
        assert!(!shared.waker.is_busy());
        handler.signals().send(());
        program.deliver_signals(runner.event_loop());
        assert!(shared.waker.is_busy());
    }
}
