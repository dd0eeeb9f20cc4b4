//! Many durations, told by their percentiles.

use std::time::{Duration, Instant};

/// Nanoseconds each, at most 4.3 s.
#[derive(Default)]
pub(crate) struct Times(Vec<u32>);

impl Times {
    /// With the memory for so many at hand, so that none is asked for later.
    pub(crate) fn with_room(count: usize) -> Self {
        let mut times = vec![1; count];
        times.clear();
        Self(times)
    }

    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn print(mut self, more: &str) {
        self.0.sort_unstable();
        let at = |thousandths: usize| {
            let last = self.0.len().saturating_sub(1);
            self.0.get(last * thousandths / 1000).copied().unwrap_or(0)
        };
        let (count, p50, p99, p999) = (self.0.len(), at(500), at(990), at(999));
        println!("result=1 count={count} p50_ns={p50} p99_ns={p99} p999_ns={p999} {more}");
    }
}

/// Round trips one after another: until a number of them were made or a time is over.
pub(crate) struct RoundTrips {
    times: Times,
    warm_ups: usize,
    count: usize,
    until: Instant,
    sent_at: Instant,
    message: Vec<u8>,
    wrong: usize,
}

impl RoundTrips {
    pub(crate) fn new(args: &crate::args::Args) -> Self {
        Self {
            times: Times::default(),
            warm_ups: args.number("warmups"),
            count: args.number("count"),
            until: Instant::now() + args.time(),
            sent_at: Instant::now(),
            message: vec![0x5a; args.size()],
            wrong: 0,
        }
    }

    /// The message to send now.
    pub(crate) fn next(&mut self) -> &[u8] {
        let number = (self.times.len() + self.warm_ups) as u64;
        crate::numbered::number(&mut self.message, number);
        self.sent_at = Instant::now();
        &self.message
    }

    /// Notes an answer; returns whether to go on.
    pub(crate) fn answered(&mut self, answer: &[u8]) -> bool {
        let now = Instant::now();
        self.wrong += usize::from(answer != self.message);
        if self.warm_ups > 0 {
            self.warm_ups -= 1;
        } else {
            self.times.add(now - self.sent_at);
        }
        self.times.len() < self.count && (now < self.until || self.times.len() == 0)
    }

    pub(crate) fn print(self) {
        self.times.print(&format!("wrong={}", self.wrong));
    }
}
