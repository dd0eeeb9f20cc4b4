//! Messages that carry their number, so that a receiver knows that none is missing.

use std::thread;
use std::time::{Duration, Instant};

use crate::usage::cpu_time;

/// The number of the message that ends a stream; the count of those before it comes behind.
const END: u64 = u64::MAX;

/// Writes `number` at the front of a message, as much of it as there is room for.
pub(crate) fn number(message: &mut [u8], number: u64) {
    let len = message.len().min(8);
    message[..len].copy_from_slice(&number.to_le_bytes()[..len]);
}

/// Makes numbered messages until a time is over, and one that says how many there were.
pub(crate) struct Source {
    message: Vec<u8>,
    sent: u64,
    time: Duration,
    until: Option<Instant>,
    has_ended: bool,
}

impl Source {
    pub(crate) fn new(args: &crate::args::Args) -> Self {
        let message = vec![0x5a; args.size()];
        Self { message, sent: 0, time: args.time(), until: None, has_ended: false }
    }

    /// The next message; the last one is the end mark.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        if self.has_ended {
            return None;
        }
        // The clock costs as much as a batched send: ask it now and then.
        let looks = if self.message.len() > 4096 { 1 } else { 256 };
        if self.sent.is_multiple_of(looks) {
            let now = Instant::now();
            self.has_ended = now >= *self.until.get_or_insert(now + self.time);
        }
        if self.has_ended {
            return Some(self.end());
        }
        number(&mut self.message, self.sent);
        self.sent += 1;
        Some(&self.message)
    }

    /// The message that ends the stream.
    pub(crate) fn end(&mut self) -> &[u8] {
        number(&mut self.message, END);
        self.message[8..16].copy_from_slice(&self.sent.to_le_bytes());
        &self.message
    }

    /// Sends the end of a stream of datagrams again and again: some of them may be lost.
    pub(crate) fn repeat_end(&mut self, mut send: impl FnMut(&[u8])) {
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(10));
            send(self.end());
        }
    }

    /// Tells what sending has cost since `cpu_before`.
    pub(crate) fn print(&self, cpu_before: Duration, refused: u64) {
        let cpu = (cpu_time() - cpu_before).as_nanos();
        let nanos = self.time.as_nanos();
        println!("result=1 sent={} time_ns={nanos} cpu_ns={cpu} wrong={refused}", self.sent);
    }
}

/// Checks the order, the length and the number of what a [`Source`] made.
pub(crate) struct Checker {
    size: usize,
    next: u64,
    received: u64,
    wrong: u64,
    /// When the first message came, and the processor time until then.
    first: Option<(Instant, Duration)>,
    last: Instant,
    /// What is known of a message whose bytes come in pieces: its front and its length so far.
    part: (Vec<u8>, usize),
    may_lose: bool,
}

impl Checker {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            next: 0,
            received: 0,
            wrong: 0,
            first: None,
            last: Instant::now(),
            part: (Vec::with_capacity(16), 0),
            may_lose: false,
        }
    }

    /// For datagrams, of which some may be lost.
    pub(crate) fn lossy(size: usize) -> Self {
        Self { may_lose: true, ..Self::new(size) }
    }

    /// Notes a message; returns whether it was the last one.
    pub(crate) fn message(&mut self, message: &[u8]) -> bool {
        self.wrong += u64::from(message.len() != self.size);
        let Some((front, _)) = message.split_at_checked(16) else { return false };
        self.front(front.try_into().expect("16 bytes"))
    }

    /// Notes bytes of a stream of messages without frames; returns whether they were the last.
    pub(crate) fn bytes(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let wanted = 16 - self.part.0.len();
            self.part.0.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
            let taken = bytes.len().min(self.size - self.part.1);
            self.part.1 += taken;
            bytes = &bytes[taken..];
            if self.part.1 == self.size {
                let front = self.part.0.as_slice().try_into().expect("16 bytes");
                self.part.0.clear();
                self.part.1 = 0;
                if self.front(front) {
                    return true;
                }
            }
        }
        false
    }

    fn front(&mut self, front: [u8; 16]) -> bool {
        if self.first.is_none() {
            self.first = Some((Instant::now(), cpu_time()));
        }
        let (number, count) = front.split_at(8);
        let number = u64::from_le_bytes(number.try_into().expect("8 bytes"));
        if number == END {
            let count = u64::from_le_bytes(count.try_into().expect("8 bytes"));
            self.wrong += u64::from(count != self.received && !self.may_lose);
            if !self.may_lose {
                self.last = Instant::now();
            }
            return true;
        }
        let is_next = if self.may_lose { number >= self.next } else { number == self.next };
        self.wrong += u64::from(!is_next);
        self.next = number + 1;
        self.received += 1;
        if self.may_lose && self.received.is_multiple_of(64) {
            self.last = Instant::now(); // The end mark may come long after.
        }
        false
    }

    pub(crate) fn print(&self) {
        let (first, cpu) = self.first.expect("a message has come");
        let nanos = self.last.saturating_duration_since(first).as_nanos().max(1);
        let cpu = (cpu_time() - cpu).as_nanos();
        let (received, wrong) = (self.received, self.wrong);
        println!("result=1 received={received} time_ns={nanos} cpu_ns={cpu} wrong={wrong}");
    }
}
