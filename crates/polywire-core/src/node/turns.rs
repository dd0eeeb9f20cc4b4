//! A node whose loop is turned together with those of others, on one thread.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use crate::event_loop::{EventLoop, ShutDown, TimeSlice, Wait};
use crate::events::{EventReceiver, EventSender};
use crate::network::NetworkProcessor;
use crate::network::loop_slot::Runner;
use crate::node::NodeEvent;
use crate::node::run::{Program, next_of_program};
use crate::shared::Shared;

/// A node whose loop is turned together with those of others, rather than run.
#[allow(dead_code, reason = "made by the seam")]
pub(crate) struct Turns<S: Send + 'static, F> {
    shared: Arc<Shared>,
    /// Last of all, the half that runs the loop: while it lives, the program may be told of events.
    processor: NetworkProcessor,
    /// Taken out of its slot for good, so that nobody else runs it. `None` while it is turned, and at the end.
    event_loop: Option<Box<EventLoop>>,
    signals: RefCell<EventReceiver<S>>,
    sender: EventSender<S>,
    callback: F,
    shut_down: Option<ShutDown>,
}

#[allow(dead_code, reason = "called by the seam")]
impl<S: Send + 'static, F: FnMut(NodeEvent<'_, S>)> Turns<S, F> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        processor: NetworkProcessor,
        signals: EventReceiver<S>,
        callback: F,
    ) -> Self {
        let event_loop = processor.enter().and_then(Runner::keep);
        let sender = signals.sender().clone();
        let (signals, shut_down) = (RefCell::new(signals), None);
        Self { shared, processor, event_loop, signals, sender, callback, shut_down }
    }

    /// One turn, without waiting. `buffer` is read into, and may be that of other nodes. Returns how long there is
    /// nothing to do, unless the node is woken; `None` once it has ended.
    pub(crate) fn turn(&mut self, buffer: &mut Box<[u8]>) -> Option<Wait> {
        let event_loop = self.event_loop.take()?;
        let slot = Arc::clone(self.processor.slot());
        let mut runner = Runner::new(&slot, event_loop);
        runner.event_loop().replace_buffer(std::mem::take(buffer));
        if !self.shared.is_stopping() {
            self.turn_running(runner.event_loop());
        }
        let next = match self.shared.is_stopping() {
            true => self.turn_ending(runner.event_loop()),
            false => {
                let (shared, signals) = (&*self.shared, &self.signals);
                Some(rest(runner.event_loop(), shared, &|| next_of_program(shared, signals)))
            }
        };
        *buffer = runner.event_loop().replace_buffer(Box::default());
        match next {
            None => runner.end_closed(),
            Some(_) => self.event_loop = runner.keep(),
        }
        next
    }

    fn turn_running(&mut self, event_loop: &mut EventLoop) {
        let Self { shared, signals, sender, callback, .. } = self;
        let (slice, next) = (TimeSlice::new(), Cell::new(Wait::No));
        let mut program = Program { shared, signals, sender, next: &next, slice, callback };
        event_loop.outlive_adapters(&mut program, |event_loop, program| {
            program.deliver_signals(event_loop);
            program.shared.stop_if_drained();
            if program.shared.is_stopping() {
                return;
            }
            if let Err(error) = event_loop.turn(&|| Wait::No, program) {
                program.shared.meet_failure(&error, u32::MAX);
            }
        });
    }

    fn turn_ending(&mut self, event_loop: &mut EventLoop) -> Option<Wait> {
        let end = self.shut_down.get_or_insert_with(|| event_loop.begin_shutting_down());
        let next_look = event_loop.go_on_shutting_down(end)?;
        Some(rest(event_loop, &self.shared, &|| Wait::Until(next_look)))
    }
}

/// How long the loop has nothing to do, unless it is woken.
fn rest(event_loop: &mut EventLoop, shared: &Shared, wait: &dyn Fn() -> Wait) -> Wait {
    match event_loop.rest(wait) {
        None => Wait::Forever,
        Some(Duration::ZERO) => Wait::No,
        Some(time) => shared.clock.now().checked_add(time).map_or(Wait::Forever, Wait::Until),
    }
}

impl<S: Send + 'static, F> Drop for Turns<S, F> {
    /// As a node whose thread goes on with something else: it is stopped, and closes what it has.
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(event_loop) = self.event_loop.take() {
            Runner::new(self.processor.slot(), event_loop).end_closed();
        }
    }
}
