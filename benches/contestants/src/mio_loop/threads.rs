//! Threads that wake a loop: a queue behind a lock and a waker that is rung once until it is heard.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use mio::{Events, Poll, Token, Waker};

use crate::args::Args;
use crate::threads::{Latency, Numbers, send_numbers, send_times, stops};

struct Queue<T> {
    waiting: Mutex<Vec<T>>,
    waker: Waker,
}

impl<T> Queue<T> {
    fn new() -> (Arc<Self>, Poll) {
        let poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        (Arc::new(Self { waiting: Mutex::default(), waker }), poll)
    }

    fn send(&self, message: T) {
        let mut waiting = self.waiting.lock().expect("no panic");
        waiting.push(message);
        let is_first = waiting.len() == 1;
        drop(waiting);
        if is_first {
            self.waker.wake().expect("wakes");
        }
    }

    /// Hands out what comes until `each` says that it was the last.
    fn receive(&self, poll: &mut Poll, mut each: impl FnMut(T) -> bool) {
        let mut events = Events::with_capacity(16);
        let mut messages = Vec::new();
        loop {
            poll.poll(&mut events, None).expect("polls");
            loop {
                mem::swap(&mut messages, &mut *self.waiting.lock().expect("no panic"));
                if messages.is_empty() {
                    break;
                }
                for message in messages.drain(..) {
                    if each(message) {
                        return;
                    }
                }
            }
        }
    }
}

pub(super) fn signals(args: &Args) {
    let (queue, mut poll) = Queue::new();
    let sender = Arc::clone(&queue);
    let mut numbers = Numbers::new(args);
    send_numbers(args, move |number| sender.send(number));
    queue.receive(&mut poll, |number| numbers.came(number));
    numbers.print();
}

pub(super) fn latency(args: &Args) {
    let (queue, mut poll) = Queue::new();
    let sender = Arc::clone(&queue);
    let mut latency = Latency::new(args);
    send_times(args, move |time| sender.send(time));
    queue.receive(&mut poll, |time| latency.came(time));
    latency.print();
}

struct Loop {
    is_over: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

pub(super) fn stop(args: &Args) {
    let start = || {
        let mut poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let is_over = Arc::new(AtomicBool::new(false));
        let of_loop = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut events = Events::with_capacity(16);
            while !of_loop.load(Ordering::Acquire) {
                poll.poll(&mut events, None).expect("polls");
            }
        });
        Loop { is_over, waker, thread }
    };
    stops(args, start, |running| {
        running.is_over.store(true, Ordering::Release);
        running.waker.wake().expect("wakes");
        running.thread.join().expect("no panic");
    });
}
