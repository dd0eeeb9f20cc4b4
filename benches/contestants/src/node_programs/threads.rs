//! Signals and timers of a node, and its end.

use std::time::Instant;

use super::ANY_PORT;
use super::library::network::Transport;
use super::library::node::{self, NodeEvent};
use crate::args::Args;
use crate::threads::{Latency, Numbers, Timers, send_numbers, send_times, stops};

/// Runs a node whose signals go to `each`, until that says that it was the last one.
fn run<S: Send + 'static>(
    (handler, listener): (node::NodeHandler<S>, node::NodeListener<S>),
    mut each: impl FnMut(S) -> bool,
) {
    let mut is_over = false;
    listener.for_each(|event| {
        let NodeEvent::Signal(signal) = event else { return };
        if !is_over && each(signal) {
            is_over = true;
            handler.stop();
        }
    });
}

pub(super) fn signals(args: &Args) {
    let (handler, listener) = node::split::<u64>();
    let mut numbers = Numbers::new(args);
    let sender = handler.clone();
    send_numbers(args, move |number| sender.signals().send(number));
    run((handler, listener), |number| {
        let is_last = numbers.came(number);
        if is_last {
            numbers.print(); // What comes after is the end of the node.
        }
        is_last
    });
}

pub(super) fn latency(args: &Args) {
    let (handler, listener) = node::split::<Instant>();
    let mut latency = Latency::new(args);
    let sender = handler.clone();
    send_times(args, move |time| sender.signals().send(time));
    run((handler, listener), |time| latency.came(time));
    latency.print();
}

pub(super) fn timers(args: &Args) {
    let (handler, listener) = node::split::<u64>();
    let mut timers = Timers::new(args);
    let (setter, ender) = (handler.clone(), handler.clone());
    timers.set_all(
        move |due, from_now| {
            setter.signals().send_with_timer(due, from_now);
        },
        move |end| ender.signals().send(end),
    );
    run((handler, listener), |due| timers.came(due));
    timers.print();
}

pub(super) fn stop(args: &Args) {
    let start = || {
        let (handler, listener) = node::split::<()>();
        handler.network().listen(Transport::FramedTcp, ANY_PORT).expect("a free port");
        (handler, listener.for_each_async(|_| {}))
    };
    stops(args, start, |(handler, mut task)| {
        handler.stop();
        task.wait();
    });
}
