//! The load generator `echo` on polywire: both ends are then ours.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use polywire::network::{self, Endpoint, NetEvent, NetworkController, NetworkProcessor};

use crate::args::Args;
use crate::numbered::number;
use crate::usage;

/// Answers that take longer are lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is counted of a connection.
#[derive(Default)]
struct Client {
    sent: u64,
    answered: u64,
}

struct Load {
    network: NetworkController,
    clients: HashMap<Endpoint, Client>,
    message: Vec<u8>,
    answered: u64,
    wrong: u64,
}

pub(super) fn run(args: &Args) {
    let (network, mut processor) = network::split();
    let clients = (0..args.number("conns")).map(|_| {
        let connected = super::connect(&network, args);
        (connected.expect("the server listens"), Client::default())
    });
    let clients: HashMap<_, _> = clients.collect();
    let (message, conns) = (vec![0x5a; args.size()], clients.len() as u64);
    let mut load = Load { network, clients, message, answered: 0, wrong: 0 };
    load.send_all(1);
    load.turns(&mut processor, None, conns);

    usage::wait_for_go();
    let (cpu, begin) = (usage::cpu_time(), Instant::now());
    let end = begin + args.time();
    load.answered = 0;
    load.send_all(args.number("depth"));
    load.turns(&mut processor, Some(end), u64::MAX);
    let in_time = load.answered;
    let under_way = load.clients.values().map(|client| client.sent - client.answered).sum::<u64>();
    load.turns(&mut processor, None, in_time + under_way);
    let lost = in_time + under_way - load.answered;
    let cpu = (usage::cpu_time() - cpu).as_nanos();
    let (answered, wrong) = (load.answered, load.wrong + lost);
    let nanos = args.time().as_nanos();
    println!(
        "result=1 answered={answered} in_time={in_time} time_ns={nanos} cpu_ns={cpu} wrong={wrong}"
    );
    usage::wait_for_end(); // A server sees the connections as long as it is asked.
}

impl Load {
    /// Sends so many messages to each.
    fn send_all(&mut self, count: u64) {
        for (endpoint, client) in &mut self.clients {
            for _ in 0..count {
                client.send(&self.network, *endpoint, &mut self.message);
            }
        }
    }

    /// Compares answers: and sends on for each, until a time, or until there are so many.
    fn turns(&mut self, processor: &mut NetworkProcessor, end: Option<Instant>, count: u64) {
        let last = end.unwrap_or_else(|| Instant::now() + PATIENCE);
        while self.answered < count && Instant::now() < last {
            processor.process_poll_event(Some(PATIENCE), |event| match event {
                NetEvent::Message(endpoint, answer) => {
                    let client = self.clients.get_mut(&endpoint).expect("one that is known");
                    number(&mut self.message, client.answered);
                    self.wrong += u64::from(answer != self.message);
                    client.answered += 1;
                    self.answered += 1;
                    if end.is_some() {
                        client.send(&self.network, endpoint, &mut self.message);
                    }
                }
                NetEvent::Connected(_, true) => {}
                other => panic!("{other:?}"),
            });
        }
    }
}

impl Client {
    fn send(&mut self, network: &NetworkController, endpoint: Endpoint, message: &mut [u8]) {
        number(message, self.sent);
        self.sent += 1;
        network.send(endpoint, message);
    }
}
