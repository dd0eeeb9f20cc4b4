//! A loop by `process_poll_event`, to whose connection two threads send by `send_many`; who reads is slow
//! and fast by turns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::network::{self, Endpoint, NetEvent, NetworkController, SendStatus, Transport};
use polywire::node::{self, NodeEvent};

use super::progress::{MAX_SILENCE, Progress};
use crate::link::Link;
use crate::ping;

const PAYLOAD_BYTES: usize = 1000;
/// Messages of one `send_many`.
const BATCH_MESSAGES: u64 = 100;
const SENDERS: u64 = 2;
/// Times of reading slowly, and then fast.
const PHASE_DURATION: Duration = Duration::from_millis(700);
/// What a message takes while it reads slowly.
const SLOW_READ_DURATION: Duration = Duration::from_micros(500);

pub(super) fn run(link: &Link, until: Instant) -> Result<Progress, String> {
    let transport = link.transport.plain();
    let (network, mut processor) = network::split();
    let (_, addr) = network.listen(&*link.listening(), "127.0.0.1:0").expect("a free port");
    let is_over = AtomicBool::new(false);
    let (tell_endpoint, endpoint) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                processor.process_poll_event(Some(Duration::from_millis(1)), |event| {
                    if let NetEvent::Accepted(endpoint, _) = event {
                        tell_endpoint.send(endpoint).expect("it is waited for");
                    }
                });
            }
        });
        let (reader, listener) = node::split::<()>();
        reader.network().connect(&*link.connecting(), addr).expect("somebody listens");
        let mut reading = Reading::new();
        let (tell, told) = mpsc::channel();
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(_, bytes)) = event {
                let _ = tell.send(reading.take(transport, bytes));
            }
        });
        let endpoint = endpoint.recv_timeout(MAX_SILENCE).map_err(|_| "nobody was accepted")?;
        for sender in 0..SENDERS {
            let (network, is_over) = (&network, &is_over);
            scope.spawn(move || send(network, endpoint, sender, is_over));
        }
        let mut progress = Progress::new();
        let mut result = Ok(());
        while result.is_ok() && Instant::now() < until {
            let told =
                told.recv_timeout(MAX_SILENCE).map_err(|_| format!("nothing for {MAX_SILENCE:?}"));
            result = told.and_then(|told| told).map(|bytes| progress.came(bytes));
        }
        is_over.store(true, Ordering::Relaxed);
        network.remove(endpoint.resource_id()); // Lets go who waits to send.
        reader.stop();
        task.wait();
        result.map(|()| progress)
    })
}

/// Sends numbered messages, each with who sends it in the lowest bits.
fn send(network: &NetworkController, endpoint: Endpoint, sender: u64, is_over: &AtomicBool) {
    let payload = [7; PAYLOAD_BYTES];
    let mut next = 0;
    while !is_over.load(Ordering::Relaxed) {
        let number = |index: u64| index * SENDERS + sender;
        let batch: Vec<_> = (next..next + BATCH_MESSAGES)
            .map(|index| ping::write(number(index), &payload))
            .collect();
        if network.send_many(endpoint, &batch).status != SendStatus::Sent {
            return;
        }
        next += BATCH_MESSAGES;
    }
}

/// Who reads, slowly and fast by turns.
struct Reading {
    begun: Instant,
    stream: Vec<u8>,
    next: [u64; SENDERS as usize],
}

impl Reading {
    fn new() -> Self {
        Self { begun: Instant::now(), stream: Vec::new(), next: [0; SENDERS as usize] }
    }

    /// How many bytes came, if they are what was sent.
    fn take(&mut self, transport: Transport, bytes: &[u8]) -> Result<usize, String> {
        let is_slow = self.begun.elapsed().as_millis() / PHASE_DURATION.as_millis() % 2 == 0;
        if transport == Transport::Tcp {
            self.stream.extend_from_slice(bytes);
            while let Some(ping) = ping::take_from(&mut self.stream) {
                self.check(ping.map(|ping| ping.number))?;
            }
        } else {
            self.check(ping::Ping::read(bytes).map(|ping| ping.number))?;
        }
        if is_slow {
            thread::sleep(SLOW_READ_DURATION);
        }
        Ok(bytes.len())
    }

    fn check(&mut self, number: Option<u64>) -> Result<(), String> {
        let number = number.ok_or("a message is broken")?;
        let next = &mut self.next[(number % SENDERS) as usize];
        if number / SENDERS != *next {
            return Err(format!("{} came for {next}", number / SENDERS));
        }
        *next += 1;
        Ok(())
    }
}
