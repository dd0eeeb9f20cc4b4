//! What threads of one process tell each other: the part that all contestants share.

use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::times::Times;
use crate::usage::{cpu_time, memory};

/// Says that nothing more comes, instead of a number.
const END: u64 = u64::MAX;

/// Calls `send` with each number on a thread of its own, as fast as it returns.
pub(crate) fn send_numbers(args: &Args, send: impl FnMut(u64) + Send + 'static) {
    let count: u64 = args.number("count");
    thread::spawn(move || (0..count).for_each(send));
}

/// Numbers that are to come in order.
pub(crate) struct Numbers {
    count: u64,
    next: u64,
    wrong: u64,
    begin: Instant,
    cpu: Duration,
}

impl Numbers {
    pub(crate) fn new(args: &Args) -> Self {
        let (begin, cpu) = (Instant::now(), cpu_time());
        Self { count: args.number("count"), next: 0, wrong: 0, begin, cpu }
    }

    /// Notes a number; returns whether it was the last one.
    pub(crate) fn came(&mut self, number: u64) -> bool {
        self.wrong += u64::from(number != self.next);
        self.next += 1;
        self.next == self.count
    }

    pub(crate) fn print(&self) {
        let nanos = self.begin.elapsed().as_nanos();
        let cpu = (cpu_time() - self.cpu).as_nanos();
        let (count, wrong) = (self.count, self.wrong);
        println!("result=1 count={count} time_ns={nanos} cpu_ns={cpu} wrong={wrong}");
    }
}

/// Calls `send` with the time on a thread of its own, each time after the others have gone to sleep.
pub(crate) fn send_times(args: &Args, mut send: impl FnMut(Instant) + Send + 'static) {
    let count: u64 = args.number("count");
    thread::spawn(move || {
        for _ in 0..count {
            thread::sleep(Duration::from_micros(100));
            send(Instant::now());
        }
    });
}

/// How long what was sent took.
pub(crate) struct Latency {
    count: usize,
    times: Times,
}

impl Latency {
    pub(crate) fn new(args: &Args) -> Self {
        let count = args.number("count");
        Self { count, times: Times::with_room(count) }
    }

    /// Notes what was sent then; returns whether it was the last one.
    pub(crate) fn came(&mut self, sent: Instant) -> bool {
        self.times.add(sent.elapsed());
        self.times.len() == self.count
    }

    pub(crate) fn print(self) {
        self.times.print("wrong=0");
    }
}

/// Many timers, due at random times within a second that begins once all are set.
pub(crate) struct Timers {
    base: Instant,
    count: usize,
    late: Times,
    early: usize,
    cpu: Duration,
    /// KiB before the first timer.
    memory: u64,
}

impl Timers {
    pub(crate) fn new(args: &Args) -> Self {
        let count = args.number("count");
        let late = Times::with_room(count);
        let (base, cpu, memory) = (Instant::now(), cpu_time(), memory("VmRSS"));
        Self { base, count, late, early: 0, cpu, memory }
    }

    /// Calls `set` on a thread of its own with when each timer is due, which is what it is to
    /// bring, and how long that is from now; and `end` with what to bring when all should have come.
    pub(crate) fn set_all(
        &self,
        mut set: impl FnMut(u64, Duration) + Send + 'static,
        end: impl FnOnce(u64) + Send + 'static,
    ) {
        let (base, count) = (self.base, self.count);
        // Setting one takes less than a microsecond.
        let begin = Duration::from_micros(count as u64);
        thread::spawn(move || {
            let mut random = 0x9E37_79B9_7F4A_7C15_u64;
            for _ in 0..count {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let due = begin + Duration::from_nanos(random % 1_000_000_000);
                set(due.as_nanos() as u64, due.saturating_sub(base.elapsed()));
            }
            thread::sleep(begin + Duration::from_secs(4));
            end(END);
        });
    }

    /// When it is so many nanoseconds after the start.
    pub(crate) fn instant(&self, due: u64) -> Instant {
        self.base + Duration::from_nanos(due)
    }

    pub(crate) fn base(&self) -> Instant {
        self.base
    }

    /// Notes a timer that is over; returns whether it was the last one.
    pub(crate) fn came(&mut self, due: u64) -> bool {
        if due == END {
            return true;
        }
        let now = self.base.elapsed().as_nanos() as u64;
        self.early += usize::from(now < due);
        self.late.add(Duration::from_nanos(now.saturating_sub(due)));
        self.late.len() == self.count
    }

    pub(crate) fn print(self) {
        let cpu = (cpu_time() - self.cpu).as_nanos();
        let lost = self.count - self.late.len();
        let (wrong, held) = (lost + self.early, memory("VmHWM") - self.memory);
        self.late.print(&format!("lost={lost} wrong={wrong} cpu_ns={cpu} timers_kib={held}"));
    }
}

/// How long `stop` takes for what `start` has started, once that sleeps.
pub(crate) fn stops<L>(args: &Args, mut start: impl FnMut() -> L, mut stop: impl FnMut(L)) {
    let mut times = Times::default();
    for index in 0..args.number("count") {
        let running = start();
        // Not always at the same time after the start: some look whether to stop now and then.
        thread::sleep(Duration::from_millis(5 + 7 * index % 50));
        let begin = Instant::now();
        stop(running);
        times.add(begin.elapsed());
    }
    times.print("wrong=0");
}
