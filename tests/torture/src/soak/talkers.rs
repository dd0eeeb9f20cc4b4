//! Nodes that send much to each other in their callbacks, again and again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use polywire::network::{Endpoint, NetEvent};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::link::Link;

use super::progress::{MAX_SILENCE, Progress};

const MESSAGE_BYTES: usize = if cfg!(debug_assertions) { 64 << 10 } else { 1 << 20 };
/// Messages at a time, on each connection and each way.
const MESSAGES: usize = 20;
/// What the outboxes of one connection hold by default, with their headers, is hardly more.
const MESSAGES_TO_ITSELF: usize = 63;

/// Time from one round to the next at least.
const MIN_ROUND_INTERVAL: Duration = Duration::from_millis(100);

/// A node that sends so much on every connection as soon as it is ready, and again when it is all written
/// and as much came on each. Each time all bytes have another value.
struct Talker {
    handler: NodeHandler<()>,
    task: NodeTask,
    addr: SocketAddr,
    received: mpsc::Receiver<Result<usize, String>>,
    progress: Progress,
}

impl Talker {
    /// One that listens, and connects to `peers` and perhaps to itself.
    fn new(link: &Link, peers: &[SocketAddr], itself: bool, messages: usize) -> Self {
        let (handler, listener) = node::split::<()>();
        let network = handler.network();
        let (_, addr) = network.listen(&*link.listening(), "127.0.0.1:0").expect("a free port");
        for peer in peers.iter().chain(itself.then_some(&addr)) {
            network.connect(&*link.connecting(), *peer).expect("somebody listens");
        }
        let (tell, received) = mpsc::channel();
        let mut talk = Talk { handler: handler.clone(), messages, tell, came: HashMap::new() };
        let task = listener.for_each_async(move |event| talk.meet(event));
        Self { handler, task, addr, received, progress: Progress::new() }
    }

    /// Takes what came meanwhile, and waits for some more.
    fn go_on(&mut self) -> Result<(), String> {
        let next = self.received.recv_timeout(MAX_SILENCE);
        let mut next = Some(next.map_err(|_| format!("nothing came for {MAX_SILENCE:?}"))?);
        while let Some(bytes) = next {
            self.progress.came(bytes?);
            next = self.received.try_recv().ok();
        }
        Ok(())
    }
}

/// What its callback knows.
struct Talk {
    handler: NodeHandler<()>,
    /// Sent at a time on each connection.
    messages: usize,
    tell: mpsc::Sender<Result<usize, String>>,
    /// Rounds sent, and bytes received, of each connection.
    came: HashMap<Endpoint, (usize, usize)>,
}

impl Talk {
    fn meet(&mut self, event: NodeEvent<'_, ()>) {
        let told = match event {
            NodeEvent::Network(
                NetEvent::Connected(endpoint, true) | NetEvent::Accepted(endpoint, _),
            ) => {
                self.came.insert(endpoint, (0, 0));
                self.handler.signals().send_with_timer((), MIN_ROUND_INTERVAL);
                return self.send(endpoint);
            }
            NodeEvent::Network(NetEvent::Message(endpoint, bytes)) => self.take(endpoint, bytes),
            NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
                let reason = self.handler.network().close_reason(endpoint);
                Err(format!("a connection ended: {reason:?}"))
            }
            NodeEvent::Network(NetEvent::Connected(_, false)) => Err("it could not connect".into()),
            NodeEvent::Signal(()) => return self.send_again(),
        };
        let _ = self.tell.send(told); // Nobody asks any more.
    }

    fn each(&self) -> usize {
        self.messages * MESSAGE_BYTES
    }

    fn send(&mut self, endpoint: Endpoint) {
        let Some((rounds, _)) = self.came.get_mut(&endpoint) else { return };
        let message = vec![*rounds as u8; MESSAGE_BYTES];
        *rounds += 1;
        for _ in 0..self.messages {
            // What it does not take ends the connection, which is told.
            self.handler.network().send(endpoint, &message);
        }
    }

    fn send_again(&mut self) {
        let each = self.each();
        let is_done = self.came.values().all(|(rounds, came)| *came >= rounds * each);
        if is_done && self.handler.network().stats().queued_bytes == 0 {
            let endpoints: Vec<_> = self.came.keys().copied().collect();
            endpoints.into_iter().for_each(|endpoint| self.send(endpoint));
        }
        self.handler.signals().send_with_timer((), MIN_ROUND_INTERVAL);
    }

    fn take(&mut self, endpoint: Endpoint, bytes: &[u8]) -> Result<usize, String> {
        let each = self.each();
        let (_, came) = self.came.get_mut(&endpoint).ok_or("a message before it was ready")?;
        let round = *came / each;
        let (this, next) = bytes.split_at(bytes.len().min(each - *came % each));
        let are_all = |bytes: &[u8], round| bytes.iter().all(|byte| *byte == round as u8);
        *came += bytes.len();
        let is_whole = are_all(this, round) && are_all(next, round + 1);
        if is_whole { Ok(bytes.len()) } else { Err("bytes are mixed up".into()) }
    }
}

pub(super) fn pair(link: &Link, until: Instant) -> Result<Progress, String> {
    let first = Talker::new(link, &[], false, MESSAGES);
    let second = Talker::new(link, &[first.addr], false, MESSAGES);
    talk(vec![first, second], until)
}

pub(super) fn ring(link: &Link, until: Instant) -> Result<Progress, String> {
    let first = Talker::new(link, &[], false, MESSAGES);
    let second = Talker::new(link, &[first.addr], false, MESSAGES);
    let third = Talker::new(link, &[second.addr], false, MESSAGES);
    let network = first.handler.network();
    network.connect(&*link.connecting(), third.addr).expect("somebody listens");
    talk(vec![first, second, third], until)
}

pub(super) fn itself(link: &Link, until: Instant) -> Result<Progress, String> {
    talk(vec![Talker::new(link, &[], true, MESSAGES_TO_ITSELF)], until)
}

fn talk(mut talkers: Vec<Talker>, until: Instant) -> Result<Progress, String> {
    let mut result = Ok(());
    while result.is_ok() && Instant::now() < until {
        result = talkers.iter_mut().try_for_each(Talker::go_on);
    }
    talkers.iter().for_each(|talker| talker.handler.stop());
    talkers.iter_mut().for_each(|talker| talker.task.wait());
    let progress = talkers.iter().map(|talker| talker.progress).reduce(Progress::with);
    result.map(|()| progress.expect("there are some"))
}
