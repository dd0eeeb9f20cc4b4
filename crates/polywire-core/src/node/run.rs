//! The turns of a node: signals, then the network.

use std::cell::RefCell;

use crate::endpoint::Endpoint;
use crate::event_loop::{Handle, Wait};
use crate::events::EventReceiver;
use crate::network::shared::Shared;
use crate::network::{NetEvent, NetworkProcessor};
use crate::node::NodeEvent;

/// Signals delivered between two looks at the network, and priority ones before each of its
/// events: enough to be fast, too few to starve the rest.
const SIGNALS_PER_TURN: usize = 1024;
const PRIORITY_PER_EVENT: usize = 16;

/// Runs the loop until the node is stopped.
pub(super) fn run<S: Send + 'static>(
    shared: &Shared,
    processor: &NetworkProcessor,
    signals: EventReceiver<S>,
    event_callback: impl FnMut(NodeEvent<'_, S>),
) {
    let Some(mut runner) = processor.enter() else { return };
    shared.announcements.set_going_on();
    let signals = RefCell::new(signals);
    let callback = RefCell::new(event_callback);

    let wait = || {
        let signals = signals.borrow();
        if !signals.is_empty() {
            return Wait::No;
        }
        let drained = shared.stop_if_drained();
        if shared.is_stopping() {
            return Wait::No;
        }
        let deadline = signals.next_deadline().into_iter().chain(drained).min();
        deadline.map_or(Wait::Forever, Wait::Until)
    };
    let mut events = Events { shared, signals: &signals, callback: &callback };
    while !shared.is_stopping() {
        deliver_signals(shared, &signals, &callback);
        shared.stop_if_drained(); // Where there is always something to do, nobody waits.
        if shared.is_stopping() {
            break;
        }
        if let Err(error) = runner.event_loop().turn(&wait, &mut events) {
            tracing::error!(%error, "the network can't be polled: the node stops");
            shared.stop();
        }
    }
    runner.end();
}

/// Hands the network's events to the program, behind signals that have priority.
struct Events<'a, S, F> {
    shared: &'a Shared,
    signals: &'a RefCell<EventReceiver<S>>,
    callback: &'a RefCell<F>,
}

impl<S: Send + 'static, F: FnMut(NodeEvent<'_, S>)> Handle for Events<'_, S, F> {
    fn event(&mut self, event: NetEvent<'_>) {
        deliver_priority(self.shared, self.signals, self.callback);
        if !self.shared.is_stopping() {
            (self.callback.borrow_mut())(NodeEvent::Network(event));
        }
    }

    #[inline]
    fn message(&mut self, endpoint: &Endpoint, message: &[u8]) {
        deliver_priority(self.shared, self.signals, self.callback);
        if !self.shared.is_stopping() {
            let event = NodeEvent::Network(NetEvent::Message(*endpoint, message));
            (self.callback.borrow_mut())(event);
        }
    }
}

/// Delivers the signals whose turn it is: priority first, timers that are due, then the others.
fn deliver_signals<S: Send + 'static>(
    shared: &Shared,
    signals: &RefCell<EventReceiver<S>>,
    callback: &RefCell<impl FnMut(NodeEvent<'_, S>)>,
) {
    let now = signals.borrow().next_deadline().map(|_| shared.clock.now());
    for _ in 0..SIGNALS_PER_TURN {
        if shared.is_stopping() {
            return;
        }
        // Not borrowed during the callback, which is free to panic.
        let signal = {
            let mut signals = signals.borrow_mut();
            let due = |signals: &mut EventReceiver<S>| now.and_then(|now| signals.pop_due(now));
            signals.pop_priority().or_else(|| due(&mut signals)).or_else(|| signals.pop_ordinary())
        };
        let Some(signal) = signal else { return };
        (callback.borrow_mut())(NodeEvent::Signal(signal));
    }
}

fn deliver_priority<S: Send + 'static>(
    shared: &Shared,
    signals: &RefCell<EventReceiver<S>>,
    callback: &RefCell<impl FnMut(NodeEvent<'_, S>)>,
) {
    for _ in 0..PRIORITY_PER_EVENT {
        if !signals.borrow().has_priority() || shared.is_stopping() {
            return;
        }
        let Some(signal) = signals.borrow_mut().pop_priority() else { return };
        (callback.borrow_mut())(NodeEvent::Signal(signal));
    }
}
