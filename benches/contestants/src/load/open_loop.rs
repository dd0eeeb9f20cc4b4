//! Messages at a constant rate, whatever becomes of the answers: each is timed from when it was due, so
//! that a server that stops for a moment is charged for all that should have been sent meanwhile.
//! Beside them, as many floods as are asked for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::client::{Client, Shared, connect, exchange};
use crate::args::Args;
use crate::times::Times;
use crate::usage;

/// Answers that take longer are lost.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of a message of a flood.
const LARGE: usize = 64 << 10;
/// Messages that a flood has under way.
const DEPTH: u64 = 16;

struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    shared: Shared,
    floods: Vec<Client>,
    of_floods: Shared,
    /// Floods that have something to read or to write, the next one first.
    ready: VecDeque<usize>,
    flooded: u64,
}

/// When each message is due.
struct Schedule {
    begin: Instant,
    /// Messages a second.
    rate: f64,
    count: u64,
}

impl Schedule {
    fn due(&self, index: u64) -> Instant {
        self.begin + Duration::from_secs_f64(index as f64 / self.rate)
    }
}

pub(super) fn run(args: &Args) {
    let mut load = Load::connect(args);
    usage::wait_for_go();
    let rate = if args.has("share") {
        load.most(Duration::from_millis(args.number("calibration"))) * args.number::<f64>("share")
    } else {
        args.number("rate")
    };
    let count = (rate * args.time().as_secs_f64()) as u64;
    for index in 0..load.floods.len() {
        load.floods[index].send(DEPTH, &mut load.of_floods);
    }
    let (cpu, before) = (usage::cpu_time(), load.sums());
    let schedule = Schedule { begin: Instant::now(), rate, count };
    let times = load.keep_to(&schedule);
    let (cpu, sums) = ((usage::cpu_time() - cpu).as_nanos(), load.sums());
    let (nanos, answered) = (schedule.begin.elapsed().as_nanos(), sums.0 - before.0);
    let (wrong, bytes) = (sums.1 + count - answered, load.flooded * LARGE as u64);
    times.print(&format!(
        "rate={rate} answered={answered} time_ns={nanos} cpu_ns={cpu} flooded={bytes} wrong={wrong}"
    ));
    usage::wait_for_end();
}

impl Load {
    /// Connects all, and has one message of each answered.
    fn connect(args: &Args) -> Self {
        let poll = Poll::new().expect("a poll");
        let open = |shared: &mut Shared, token| {
            let mut stream = connect(args.peer(), shared);
            assert!(exchange(&mut stream, shared), "the server answers the same");
            let mut client = Client::new(stream, 1, 1);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(client.stream(), Token(token), both).expect("registers");
            client
        };
        let (mut shared, mut of_floods) = (Shared::new(args), Shared::of_size(args, LARGE));
        let count: usize = args.number("conns");
        let clients = (0..count).map(|index| open(&mut shared, index)).collect();
        let floods = (0..args.number_or("floods", 0))
            .map(|index: usize| open(&mut of_floods, count + index))
            .collect();
        // Few at once, so that what is due meanwhile does not wait for many answers.
        let (events, ready) = (Events::with_capacity(16), VecDeque::new());
        Self { poll, events, clients, shared, floods, of_floods, ready, flooded: 0 }
    }

    /// Answers so far, and how many of them were wrong.
    fn sums(&self) -> (u64, u64) {
        let answered = self.clients.iter().map(|client| client.answered).sum();
        let all = self.clients.iter().chain(&self.floods);
        (answered, all.map(|client| client.wrong).sum())
    }

    /// How many messages a second are answered while each client always has one under way.
    fn most(&mut self, time: Duration) -> f64 {
        let begin = Instant::now();
        self.clients.iter_mut().for_each(|client| client.send(1, &mut self.shared));
        let mut under_way = self.clients.len();
        let mut in_time = 0;
        while under_way > 0 && begin.elapsed() < time + PATIENCE {
            self.turn(|client, shared, _, came| {
                if begin.elapsed() < time {
                    in_time += came;
                    client.send(came, shared);
                } else {
                    under_way -= came as usize;
                }
            });
        }
        assert_eq!(under_way, 0, "the server answers");
        in_time as f64 / time.as_secs_f64()
    }

    /// Sends each message when it is due, the clients in turn, and returns how long the answers took.
    fn keep_to(&mut self, schedule: &Schedule) -> Times {
        let conns = self.clients.len() as u64;
        let before: Vec<u64> = self.clients.iter().map(|client| client.answered).collect();
        let mut times = Times::with_room(schedule.count as usize);
        let end = schedule.due(schedule.count) + PATIENCE;
        let mut sent = 0;
        while times.len() < schedule.count as usize && Instant::now() < end {
            while sent < schedule.count && schedule.due(sent) <= Instant::now() {
                self.clients[(sent % conns) as usize].send(1, &mut self.shared);
                sent += 1;
            }
            let floods = sent < schedule.count;
            self.turn(|client, _, index, came| {
                let first = client.answered - came - before[index];
                let now = Instant::now();
                for round in first..first + came {
                    let due = schedule.due(round * conns + index as u64);
                    times.add(now.saturating_duration_since(due));
                }
            });
            if floods {
                self.flood();
            }
        }
        times
    }

    /// Looks once, without waiting, and hands out whose answers came and how many.
    fn turn(&mut self, mut each: impl FnMut(&mut Client, &mut Shared, usize, u64)) {
        self.poll.poll(&mut self.events, Some(Duration::ZERO)).expect("polls");
        for event in &self.events {
            let index = event.token().0;
            let Some(client) = self.clients.get_mut(index) else {
                let flood = index - self.clients.len();
                if !self.ready.contains(&flood) {
                    self.ready.push_back(flood);
                }
                continue;
            };
            client.flush();
            let came = client.read(&mut self.shared);
            if came > 0 {
                each(client, &mut self.shared, index, came);
            }
        }
    }

    /// One flood goes on a little, so that the others' answers do not wait for long.
    fn flood(&mut self) {
        let Some(index) = self.ready.pop_front() else { return };
        let flood = &mut self.floods[index];
        flood.flush();
        let before = flood.answered;
        let may_have_more = flood.read_once(&mut self.of_floods);
        let came = flood.answered - before;
        self.flooded += came;
        if came > 0 {
            flood.send(came, &mut self.of_floods);
        }
        if may_have_more {
            self.ready.push_back(index);
        }
    }
}
