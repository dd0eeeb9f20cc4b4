//! Threads: std's channel, and a heap of timers with a condition variable.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Instant;

use crate::args::Args;
use crate::threads::{Latency, Numbers, Timers, send_numbers, send_times};

pub(super) fn signals(args: &Args) {
    let (sender, receiver) = mpsc::channel();
    let mut numbers = Numbers::new(args);
    send_numbers(args, move |number| sender.send(number).expect("the receiver lives"));
    while !numbers.came(receiver.recv().expect("another one comes")) {}
    numbers.print();
}

pub(super) fn latency(args: &Args) {
    let (sender, receiver) = mpsc::channel();
    let mut latency = Latency::new(args);
    send_times(args, move |time| sender.send(time).expect("the receiver lives"));
    while !latency.came(receiver.recv().expect("another one comes")) {}
    latency.print();
}

/// The next due times first.
type Heap = Mutex<BinaryHeap<Reverse<u64>>>;

pub(super) fn timers(args: &Args) {
    let mut timers = Timers::new(args);
    let shared = Arc::new((Heap::default(), Condvar::new()));
    let of_setter = Arc::clone(&shared);
    timers.set_all(
        move |due, _| {
            let (heap, changed) = &*of_setter;
            let mut heap = heap.lock().expect("no panic");
            let is_next = heap.peek().is_none_or(|next| due < next.0);
            heap.push(Reverse(due));
            drop(heap);
            if is_next {
                changed.notify_one();
            }
        },
        |_| {}, // A heap loses nothing.
    );
    let (heap, changed) = &*shared;
    loop {
        let mut waiting = heap.lock().expect("no panic");
        let due = loop {
            let Some(&Reverse(next)) = waiting.peek() else {
                waiting = changed.wait(waiting).expect("no panic");
                continue;
            };
            let left = timers.instant(next).saturating_duration_since(Instant::now());
            if left.is_zero() {
                waiting.pop();
                break next;
            }
            waiting = changed.wait_timeout(waiting, left).expect("no panic").0;
        };
        drop(waiting);
        if timers.came(due) {
            return timers.print();
        }
    }
}
