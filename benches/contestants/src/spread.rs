//! Threads that each send to many connections in turn: the part that all contestants share.

use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::usage::cpu_time;

/// What sending came to, from the first message until the last one is written.
pub(crate) struct Spread {
    begin: Instant,
    cpu: Duration,
}

impl Spread {
    pub(crate) fn begin() -> Self {
        Self { begin: Instant::now(), cpu: cpu_time() }
    }

    /// Has each thread call `send` with the number of a connection, one after another, until the time is
    /// over. Returns how many messages that were.
    pub(crate) fn send_all<F>(args: &Args, make: impl Fn() -> F) -> u64
    where
        F: FnMut(usize, &[u8]) + Send,
    {
        let (conns, time): (usize, _) = (args.number("conns"), args.time());
        let message = vec![0x5a; args.size()];
        let begin = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..args.number::<usize>("threads"))
                .map(|_| {
                    let (mut send, message) = (make(), &message);
                    scope.spawn(move || {
                        let mut sent = 0;
                        while begin.elapsed() < time {
                            for _ in 0..256_usize.div_ceil(conns) {
                                (0..conns).for_each(|conn| send(conn, message));
                                sent += conns as u64;
                            }
                        }
                        sent
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("sends")).sum()
        })
    }

    /// All is written.
    pub(crate) fn print(&self, sent: u64) {
        let cpu = (cpu_time() - self.cpu).as_nanos();
        let nanos = self.begin.elapsed().as_nanos();
        println!("result=1 sent={sent} time_ns={nanos} cpu_ns={cpu} wrong=0");
    }
}
