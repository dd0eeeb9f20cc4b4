//! One run: a server, healthy clients, fault clients in three parts, and what must hold after.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use polywire::network::Transport;

use crate::faults::{FaultClients, KINDS, source_of};
use crate::healthy::{HealthyClient, Notes};
use crate::link::TRANSPORTS;
use crate::process::{Counts, Server};
use crate::server::{PATIENCE, Way};
use crate::soak;

/// What becomes of the server's memory is looked at after each of so many parts of the run: what it
/// takes at the end is held against the most before, for the allocator has its ups and downs.
const PARTS: [&str; 3] = ["after a third", "after two thirds", "after"];
/// What the server may have grown by after the first parts, besides a fifth.
const MAX_GROWTH_BYTES: u64 = 8 << 20;
/// The length from which a run tells a leak from the allocator's own ups and downs.
const LONG_RUN: Duration = Duration::from_secs(180);
/// The same in such a run, besides a fiftieth: what may wait for two peers, which the allocator may
/// keep when they are gone. Some 13,000 connections come and go in a part of two minutes' run, so two
/// hundred bytes that each left behind would show.
const MAX_GROWTH_BYTES_IF_LONG: u64 = 2 << 20;
/// The slowest answer but for one in a hundred, or in ten where the server is stopped now and then. A quiet
/// machine stays below a hundredth of this; a shared one has its own pauses.
const MAX_LATENCY: Duration = Duration::from_millis(250);
/// How long the server is stopped: longer than handshakes may take.
const STOP_DURATION: Duration = Duration::from_millis(1500);
/// Hundredths of a second of a processor that an idle server may use in half a second.
const MAX_IDLE_TICKS: u64 = 5;
/// How long `stop` may take, in milliseconds.
const MAX_STOP_MS: u64 = 1000;
/// Healthy clients that the server has accepted, and its listeners.
const IDLE_ENDPOINTS: u64 = 3 + 4;

pub(crate) struct Trial {
    server: Server,
    way: Way,
    seed: u64,
    healthy: Vec<HealthyClient>,
    fault_clients: FaultClients,
    violations: Vec<String>,
}

/// What came of a run.
pub(crate) struct Verdict {
    pub(crate) fault_clients: FaultClients,
    pub(crate) healthy: Vec<(Transport, Notes)>,
    /// The server's last counters.
    pub(crate) counts: Counts,
    pub(crate) marks: Vec<Mark>,
    pub(crate) violations: Vec<String>,
}

/// What the server occupies at a quiet moment.
pub(crate) struct Mark {
    pub(crate) when: &'static str,
    pub(crate) resident: u64,
    pub(crate) descriptors: u64,
}

impl Trial {
    pub(crate) fn start(
        seed: u64,
        (way, is_secure): (Way, bool),
        only: Option<usize>,
    ) -> io::Result<Self> {
        let server = Server::start(way, is_secure)?;
        let addrs = server.addrs.iter().zip(TRANSPORTS);
        let healthy = addrs
            .map(|(addr, transport)| HealthyClient::start(transport, server.pin, *addr, seed))
            .collect::<io::Result<_>>()?;
        let fault_clients = FaultClients::new(seed, way, (server.addrs, is_secure), only);
        Ok(Self { server, way, seed, healthy, fault_clients, violations: Vec::new() })
    }

    pub(crate) fn run(mut self, duration: Duration) -> Verdict {
        let mut marks = Vec::new();
        // In this process, beside the healthy clients.
        let (seed, until) = (self.seed, Instant::now() + duration);
        let company = thread::spawn(move || soak::keep_company(seed, until));
        let counts = self.try_run(duration, &mut marks).unwrap_or_else(|error| {
            self.violations.push(error.to_string());
            Counts::new()
        });
        let kept = company.join().unwrap_or_else(|_| Err("they panicked".into()));
        self.violations.extend(kept.err().map(|error| format!("nodes beside: {error}")));
        let finish = |client: HealthyClient| (client.transport, client.finish(PATIENCE));
        let healthy: Vec<_> = self.healthy.into_iter().map(finish).collect();
        let mut violations = self.violations;
        violations.append(&mut self.fault_clients.shared.violations());
        for (transport, notes) in &healthy {
            violations.extend(
                notes.violations.iter().map(|violation| format!("{transport} client: {violation}")),
            );
            if !self.way.waits_for_slow_ones() {
                violations.extend(check_latency(*transport, notes, duration));
            }
        }
        Verdict { fault_clients: self.fault_clients, healthy, counts, marks, violations }
    }

    fn try_run(&mut self, duration: Duration, marks: &mut Vec<Mark>) -> io::Result<Counts> {
        for client in &self.healthy {
            if !client.wait_until(PATIENCE, |notes| !notes.latencies.is_empty()) {
                return Err(io::Error::other(format!("no answer by {}", client.transport)));
            }
        }
        marks.push(self.mark("before")?);
        for when in PARTS {
            self.run_faults_for(duration / PARTS.len() as u32)?;
            self.await_idle(marks[0].descriptors)?;
            marks.push(self.mark(when)?);
        }
        let resident: Vec<_> = marks[1..].iter().map(|mark| mark.resident).collect();
        let usual = resident[..PARTS.len() - 1].iter().max().copied().unwrap_or_default();
        if resident[PARTS.len() - 1] > most_resident(usual, duration) {
            self.violations.push("E9: the server has grown in the last part".into());
        }
        self.check_udp_is_served();
        for client in &self.healthy {
            client.drain(PATIENCE);
        }
        self.check_idleness()?;
        let counts = self.stop_server()?;
        self.check_accounts(&counts);
        Ok(counts)
    }

    /// One part. In a long one the server is stopped and continued, as by a debugger.
    fn run_faults_for(&self, part: Duration) -> io::Result<()> {
        let until = Instant::now() + part;
        if !is_stopped_in(part) {
            self.fault_clients.run_until(until);
            return Ok(());
        }
        thread::scope(|scope| {
            let stopping = scope.spawn(|| {
                thread::sleep(part / 3);
                self.server.signal("-STOP")?;
                thread::sleep(STOP_DURATION);
                self.server.signal("-CONT")
            });
            self.fault_clients.run_until(until);
            stopping.join().unwrap_or_else(|_| Err(io::Error::other("stopping it panicked")))
        })
    }

    /// Waits until the server holds nothing more than the healthy clients need.
    fn await_idle(&mut self, descriptors: u64) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counts = self.server.report()?;
            let count = |name: &str| counts.get(name).copied().unwrap_or_default();
            let open = self.server.descriptors()?;
            let is_idle = count("endpoints") == IDLE_ENDPOINTS
                && count("alive") == IDLE_ENDPOINTS - 4
                && count("queued_bytes") == 0
                && open <= descriptors;
            if is_idle {
                return Ok(());
            }
            if Instant::now() > deadline {
                self.violations.push(format!(
                    "E8: a leak: {} endpoints, {} accepted and not ended, {} bytes queued, {open} \
                     descriptors of {descriptors}",
                    count("endpoints"),
                    count("alive"),
                    count("queued_bytes"),
                ));
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Datagrams may be lost in a flood, but not for ever after.
    fn check_udp_is_served(&mut self) {
        for client in &self.healthy {
            let before = client.notes().latencies.len();
            if !client.wait_until(PATIENCE, |notes| notes.latencies.len() > before) {
                self.violations.push(format!("{} is not served any more", client.transport));
            }
        }
    }

    /// Nobody says anything now, so the server must sleep.
    fn check_idleness(&mut self) -> io::Result<()> {
        let before = self.server.ticks()?;
        thread::sleep(Duration::from_millis(500));
        let used = self.server.ticks()?.saturating_sub(before);
        if used > MAX_IDLE_TICKS {
            self.violations.push(format!("E10: the idle server spins: {used} of 50 ticks"));
        }
        Ok(())
    }

    /// Every connection that a client opened was accepted, refused or turned away.
    fn check_accounts(&mut self, counts: &Counts) {
        let (opened, failed) = self.fault_clients.shared.connections();
        let count = |name: &str| counts.get(name).copied().unwrap_or_default();
        let accepted = (0..KINDS.len()).map(|kind| count(&format!("accepted/{}", source_of(kind))));
        let met = accepted.sum::<u64>() + count("refused") + count("turned_away");
        if met < opened || met > opened + failed {
            self.violations.push(format!(
                "E2: {opened} connections were opened and {failed} not, but the server met {met}"
            ));
        }
    }

    fn stop_server(&mut self) -> io::Result<Counts> {
        let counts = self.server.stop()?;
        let stop_ms = counts.get("stop_ms").copied().unwrap_or(u64::MAX);
        if stop_ms > MAX_STOP_MS {
            self.violations.push(format!("E8: stop() took {stop_ms} ms"));
        }
        let broken = counts.iter().filter_map(|(name, n)| Some((name.strip_prefix("broken/")?, n)));
        self.violations
            .extend(broken.map(|(violation, times)| format!("server: {violation}, {times} times")));
        let status = self.server.wait()?;
        if !status.success() {
            self.violations.push(format!("E10: the server ended by {status}"));
        }
        Ok(counts)
    }

    fn mark(&self, when: &'static str) -> io::Result<Mark> {
        let (resident, descriptors) = (self.server.resident()?, self.server.descriptors()?);
        Ok(Mark { when, resident, descriptors })
    }
}

/// What may be resident at the end if so much was before.
fn most_resident(usual: u64, duration: Duration) -> u64 {
    if duration < LONG_RUN {
        usual / 5 * 6 + MAX_GROWTH_BYTES
    } else {
        usual / 50 * 51 + MAX_GROWTH_BYTES_IF_LONG
    }
}

/// Whether the server is stopped in the middle of so long a part: what waits for it then must not be all.
fn is_stopped_in(part: Duration) -> bool {
    part >= 12 * STOP_DURATION
}

fn check_latency(transport: Transport, notes: &Notes, duration: Duration) -> Option<String> {
    let percent = if is_stopped_in(duration / PARTS.len() as u32) { 90 } else { 99 };
    let latency = notes.latency(percent);
    let slowest = notes.latency(100);
    if slowest > STOP_DURATION + 4 * MAX_LATENCY {
        return Some(format!("{transport} client: an answer after {slowest:.1?}"));
    }
    (latency > MAX_LATENCY)
        .then(|| format!("{transport} client: p{percent} of {latency:.1?}, above {MAX_LATENCY:?}"))
}
