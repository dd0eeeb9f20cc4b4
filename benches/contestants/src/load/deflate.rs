//! Clients that offer compression: each keeps a number of messages under way, or all hear one.

mod client;
mod texts;

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::args::Args;
use crate::times::Times;
use crate::usage;
use client::Client;
use texts::Texts;

/// Answers that take longer are lost.
const PATIENCE: Duration = Duration::from_secs(3);

struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    texts: Texts,
    buffer: Vec<u8>,
}

impl Load {
    fn connect(args: &Args) -> Self {
        let (poll, texts) = (Poll::new().expect("a poll"), Texts::new(args.size()));
        let clients = (0..args.number("conns")).map(|index| {
            let mut client = Client::connect(args.peer());
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut client.socket, Token(index), both).expect("registers");
            client
        });
        let clients = clients.collect();
        let (events, buffer) = (Events::with_capacity(1024), vec![0; 64 << 10]);
        Self { poll, events, clients, texts, buffer }
    }

    /// Waits once and hands out how many messages came for a client.
    fn turn(&mut self, mut each: impl FnMut(&mut Client, &Texts, u64)) {
        self.poll.poll(&mut self.events, Some(PATIENCE)).expect("polls");
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            client.flush();
            let came = client.read(&mut self.texts, &mut self.buffer);
            each(client, &self.texts, came);
        }
    }

    /// Waits until so many messages have come, and returns how many have not.
    fn wait_for(&mut self, mut count: u64) -> u64 {
        let end = Instant::now() + PATIENCE;
        while count > 0 && Instant::now() < end {
            self.turn(|_, _, came| count -= came);
        }
        count
    }

    fn send_to_all(&mut self, depth: u64) {
        self.clients.iter_mut().for_each(|client| client.send(depth, &self.texts));
    }
}

pub(super) fn echo(args: &Args) {
    let mut load = Load::connect(args);
    assert!(load.clients.iter().all(|client| client.deflates), "the server compresses");
    load.send_to_all(1);
    assert_eq!(load.wait_for(load.clients.len() as u64), 0, "the server answers");
    usage::wait_for_go();
    load.texts.begin();
    let (cpu, begin) = (usage::cpu_time(), Instant::now());
    let end = begin + args.time();
    let depth = args.number("depth");
    load.send_to_all(depth);
    let (mut under_way, mut in_time) = (depth * load.clients.len() as u64, 0);
    while Instant::now() < end {
        load.turn(|client, texts, came| {
            client.send(came, texts);
            in_time += came;
        });
    }
    under_way = load.wait_for(under_way);
    let cpu = (usage::cpu_time() - cpu).as_nanos();
    let nanos = args.time().as_nanos();
    let answered = load.texts.heard();
    println!(
        "result=1 answered={answered} in_time={in_time} time_ns={nanos} cpu_ns={cpu} {}",
        load.texts.tally(under_way)
    );
    usage::wait_for_end(); // A server sees the connections as long as it is asked.
}

/// One client says something, as it is, and all of them hear it: how long until the last one has.
pub(super) fn fan_out(args: &Args) {
    let mut load = Load::connect(args);
    let everybody = load.clients.len() as u64;
    let mut missing = 0;
    let mut round = |load: &mut Load| {
        let begin = Instant::now();
        // The one that came last: once it is heard, all have been let in.
        load.clients[everybody as usize - 1].send_plain(&load.texts);
        missing += load.wait_for(everybody);
        begin.elapsed()
    };
    round(&mut load);
    usage::wait_for_go();
    load.texts.begin();
    let mut times = Times::default();
    for _ in 0..args.number("rounds") {
        times.add(round(&mut load));
    }
    times.print(&load.texts.tally(missing));
    usage::wait_for_end();
}
