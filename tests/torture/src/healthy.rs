//! Healthy clients: nodes of their own that ping the server and check what they were promised.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use polywire::adapters::tls::TlsPin;
use polywire::network::{Endpoint, NetEvent, NetworkController, SendStatus, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::link;
use crate::ping::{self, Ping};
use crate::random::Random;

/// Violations that are kept; of one cause there may be thousands.
const MAX_VIOLATIONS: usize = 5;
/// The longest pause between two pings, in milliseconds.
const MAX_PAUSE_MS: u64 = 40;

/// One healthy client, on a thread of its own.
pub(crate) struct HealthyClient {
    pub(crate) transport: Transport,
    handler: NodeHandler<Signal>,
    task: NodeTask,
    notes: Arc<Mutex<Notes>>,
}

/// What a client has seen.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) connected: u32,
    pub(crate) disconnected: u32,
    pub(crate) sent: u64,
    /// From sending to the answer, each.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) violations: Vec<String>,
    /// When the pings under way were sent.
    unanswered: BTreeMap<u64, Instant>,
    is_draining: bool,
}

/// What a client tells itself.
enum Signal {
    Ping,
    /// Send nothing more.
    Drain,
}

impl HealthyClient {
    pub(crate) fn start(
        transport: Transport,
        pin: Option<TlsPin>,
        addr: SocketAddr,
        seed: u64,
    ) -> io::Result<Self> {
        let (handler, listener) = node::split();
        let (endpoint, _) = handler.network().connect(&*link::connecting(transport, pin), addr)?;
        let notes = Arc::new(Mutex::new(Notes::default()));
        let mut client = Client {
            handler: handler.clone(),
            endpoint,
            transport,
            random: Random::of_client(seed, u64::MAX - u64::from(transport.id())),
            stream: Vec::new(),
            notes: Arc::clone(&notes),
        };
        let task = listener.for_each_async(move |event| client.meet(event));
        Ok(Self { transport, handler, task, notes })
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }

    /// Waits until `is_so`, and tells whether it came to be.
    pub(crate) fn wait_until(&self, patience: Duration, is_so: impl Fn(&Notes) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !is_so(&self.notes()) {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Sends no more pings and waits for the answers to all that were sent.
    pub(crate) fn drain(&self, patience: Duration) {
        self.handler.signals().send(Signal::Drain);
        let is_drained = |notes: &Notes| notes.is_draining && notes.unanswered.is_empty();
        if self.transport == Transport::Udp {
            // What is lost is lost.
            let _ = self.wait_until(Duration::from_millis(500), is_drained);
        } else if !self.wait_until(patience, is_drained) {
            let mut notes = self.notes();
            let lost = notes.unanswered.len();
            notes.note_violation(|| format!("E5, E7: {lost} messages were lost"));
        }
    }

    /// Called when the server has stopped: checks that its end was told, and ends the node.
    pub(crate) fn finish(mut self, patience: Duration) -> Notes {
        let ends = u32::from(self.transport.is_connection_oriented());
        self.wait_until(patience, |notes| notes.disconnected >= ends);
        let started = Instant::now();
        self.handler.stop();
        self.task.wait();
        let mut notes = std::mem::take(&mut *self.notes());
        if started.elapsed() > Duration::from_secs(1) {
            notes.note_violation(|| format!("E8: stop() took {:?}", started.elapsed()));
        }
        let (connected, disconnected) = (notes.connected, notes.disconnected);
        if (connected, disconnected) != (1, ends) {
            notes.note_violation(|| {
                format!("E1, E3: {connected} times connected, {disconnected} disconnected")
            });
        }
        notes
    }
}

impl Notes {
    pub(crate) fn note_violation(&mut self, text: impl FnOnce() -> String) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(text());
        }
    }

    /// The latency that so many percent of the answers did not exceed.
    pub(crate) fn latency(&self, percent: usize) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let at = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
        latencies.get(at).copied().unwrap_or_default()
    }

    /// Pings lost, once nothing more is under way.
    pub(crate) fn lost(&self) -> usize {
        self.unanswered.len()
    }
}

/// The callback of a client.
struct Client {
    handler: NodeHandler<Signal>,
    endpoint: Endpoint,
    transport: Transport,
    random: Random,
    /// The front of a ping that is not whole yet (TCP only).
    stream: Vec<u8>,
    notes: Arc<Mutex<Notes>>,
}

impl Client {
    fn meet(&mut self, event: NodeEvent<'_, Signal>) {
        let now = Instant::now();
        match event {
            NodeEvent::Signal(Signal::Drain) => lock(&self.notes).is_draining = true,
            NodeEvent::Signal(Signal::Ping) => self.ping(),
            NodeEvent::Network(NetEvent::Connected(endpoint, ok)) => {
                if endpoint != self.endpoint || !ok {
                    let reason = self.network().close_reason(endpoint);
                    lock(&self.notes).note_violation(|| format!("could not connect: {reason:?}"));
                }
                lock(&self.notes).connected += 1;
                self.handler.signals().send(Signal::Ping);
            }
            NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
                let mut notes = lock(&self.notes);
                if endpoint != self.endpoint || notes.connected != 1 || notes.disconnected > 0 {
                    notes.note_violation(|| {
                        format!("E2, E4: a message out of place, from {endpoint}")
                    });
                }
                let reliable = self.transport != Transport::Udp;
                if self.transport == Transport::Tcp {
                    self.stream.extend_from_slice(message);
                    while let Some(ping) = ping::take_from(&mut self.stream) {
                        notes.answered(ping, now, reliable);
                    }
                } else {
                    notes.answered(Ping::read(message), now, reliable);
                }
            }
            NodeEvent::Network(NetEvent::Disconnected(endpoint)) => self.disconnected(endpoint),
            NodeEvent::Network(NetEvent::Accepted(..)) => {
                lock(&self.notes).note_violation(|| "E2: accepted, and nobody listens".into());
            }
        }
    }

    /// Sends one ping or a few, and sees to the next.
    fn ping(&mut self) {
        if lock(&self.notes).is_draining {
            return;
        }
        let count = if self.random.one_in(8) { self.random.range(2, 10) } else { 1 };
        for _ in 0..count {
            self.send_one();
        }
        let pause = Duration::from_millis(self.random.range(1, MAX_PAUSE_MS));
        self.handler.signals().send_with_timer(Signal::Ping, pause);
    }

    fn send_one(&mut self) {
        let udp = self.transport == Transport::Udp;
        let len = match self.random.range(0, 19) {
            0 if udp => self.random.len(1400, 8000),
            0 => self.random.len(4000, 60_000),
            1..=6 => self.random.len(200, 1400),
            _ => self.random.len(0, 200),
        };
        let number = {
            let mut notes = lock(&self.notes);
            let number = notes.sent;
            notes.sent += 1;
            notes.unanswered.insert(number, Instant::now());
            number
        };
        let message = ping::write(number, &self.random.bytes(len));
        let status = self.network().send(self.endpoint, &message);
        if status != SendStatus::Sent {
            let mut notes = lock(&self.notes);
            notes.unanswered.remove(&number);
            if notes.disconnected == 0 && !udp {
                notes.note_violation(|| format!("E7: a message was not sent: {status:?}"));
            }
        }
    }

    fn disconnected(&self, endpoint: Endpoint) {
        let reason = self.network().close_reason(endpoint);
        let mut notes = lock(&self.notes);
        notes.disconnected += 1;
        // At the end the server stops, and so closes gracefully.
        if !notes.is_draining || endpoint != self.endpoint {
            notes.note_violation(|| format!("disconnected: {reason:?}"));
        }
    }

    fn network(&self) -> &NetworkController {
        self.handler.network()
    }
}

impl Notes {
    fn answered(&mut self, ping: Option<Ping>, now: Instant, reliable: bool) {
        let Some(Ping { number }) = ping else {
            return self.note_violation(|| "E5: a message came back broken".into());
        };
        let next = self.unanswered.keys().next().copied();
        if reliable && next != Some(number) {
            self.note_violation(|| format!("E5: message {number} came, but {next:?} was next"));
        }
        match self.unanswered.remove(&number) {
            Some(sent) => self.latencies.push(now.saturating_duration_since(sent)),
            None => self
                .note_violation(|| format!("E5: message {number} came twice, or was never sent")),
        }
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_answers_that_came() {
        let mut notes = Notes::default();
        assert_eq!(notes.latency(99), Duration::ZERO);
        notes.latencies = (1..=200).rev().map(Duration::from_millis).collect();
        let ms = [50, 99, 100].map(|percent| notes.latency(percent).as_millis());
        assert_eq!(ms, [100, 198, 200]);
    }
}
