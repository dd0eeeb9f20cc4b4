//! Connections that each keep a number of messages under way; and a room in which all hear one.

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::client::{Client, Shared, connect, exchange};
use crate::args::Args;
use crate::times::Times;
use crate::usage;

/// Answers that take longer are lost.
const PATIENCE: Duration = Duration::from_secs(3);

struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    shared: Shared,
}

impl Load {
    /// Connects all clients; those that are to be `used` have one message answered each.
    fn connect(args: &Args, used: bool) -> Self {
        let poll = Poll::new().expect("a poll");
        let mut shared = Shared::new(args);
        let peer = args.peer();
        let clients = (0..args.number("conns")).map(|index| {
            let mut stream = connect(peer, &shared);
            assert!(!used || exchange(&mut stream, &mut shared), "the server answers the same");
            let answered = if used { shared.replies } else { 0 };
            let mut client = Client::new(stream, u64::from(used), answered);
            let registry = poll.registry();
            let both = Interest::READABLE | Interest::WRITABLE;
            registry.register(client.stream(), Token(index), both).expect("registers");
            client
        });
        let clients = clients.collect();
        Self { poll, events: Events::with_capacity(1024), clients, shared }
    }

    fn wrong(&self) -> u64 {
        self.clients.iter().map(|client| client.wrong).sum()
    }

    /// Waits once and hands each client's answers out: how many came.
    fn turn(&mut self, mut each: impl FnMut(&mut Client, &mut Shared, u64)) {
        self.poll.poll(&mut self.events, Some(PATIENCE)).expect("polls");
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            client.flush();
            let came = client.read(&mut self.shared);
            each(client, &mut self.shared, came);
        }
    }
}

pub(super) fn run(args: &Args) {
    let mut load = Load::connect(args, true);
    usage::wait_for_go();
    let (cpu, begin) = (usage::cpu_time(), Instant::now());
    let end = begin + args.time();
    let depth: u64 = if begin < end { args.number("depth") } else { 0 };
    load.clients.iter_mut().for_each(|client| client.send(depth, &mut load.shared));
    let mut under_way = depth * load.shared.replies * load.clients.len() as u64;
    let (mut answered, mut in_time) = (0, 0);
    while under_way > 0 && end.elapsed() < PATIENCE {
        load.turn(|client, shared, came| {
            answered += came;
            let done = client.done(shared) - (client.answered - came) / shared.replies;
            if Instant::now() < end {
                in_time = answered;
                client.send(done, shared);
                under_way += done * shared.replies;
            }
            under_way -= came;
        });
    }
    let cpu = (usage::cpu_time() - cpu).as_nanos();
    let (wrong, nanos) = (load.wrong() + under_way, args.time().as_nanos());
    println!(
        "result=1 answered={answered} in_time={in_time} time_ns={nanos} cpu_ns={cpu} wrong={wrong}"
    );
    usage::wait_for_end(); // A server sees the connections as long as it is asked.
}

/// One client says something, and all of them hear it: how long until the last one has.
pub(super) fn chat(args: &Args) {
    let mut load = Load::connect(args, false);
    let everybody = load.clients.len() as u64;
    let mut round = || {
        let begin = Instant::now();
        // The one that came last: once it is heard, all have been let in.
        load.clients[everybody as usize - 1].send(1, &mut load.shared);
        let mut heard = 0;
        while heard < everybody * load.shared.replies && begin.elapsed() < PATIENCE {
            load.turn(|_, _, came| heard += came);
        }
        begin.elapsed()
    };
    round();
    usage::wait_for_go();
    let mut times = Times::default();
    for _ in 0..args.number("rounds") {
        times.add(round());
    }
    let expected = (args.number::<u64>("rounds") + 1) * load.shared.replies;
    let unanswered =
        load.clients.iter().filter(|client| client.answered != expected).count() as u64;
    times.print(&format!("wrong={}", load.wrong() + unanswered));
    usage::wait_for_end();
}
