//! The server under torture: an echo over all transports, in a process of its own.
//!
//! It prints its addresses in the order of [`TRANSPORTS`] and, over TLS, the pin of its certificate, then obeys the lines on its standard
//! input: `report` prints its counters as lines `name value` up to a line `end`; `stop` stops the
//! node and prints one report more. At the end of its input it stops too, so it never outlives the
//! process that started it.

mod watch;
mod way;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polywire::adapters::tcp::TcpListenConfig;
use polywire::network::{NetworkController, Stats};
use polywire::{Limits, NodeLimits};

use crate::link::{self, TRANSPORTS};

use watch::{Watch, lock};
use way::Running;
pub(crate) use way::{WAYS, Way};

/// Bytes of a message that the server takes.
pub(crate) const MAX_MESSAGE_SIZE: usize = 256 << 10;
/// Longer than anything of the limits lets a connection without a future live.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may take nothing where everybody waits for it.
const SHORT_STALL: Duration = Duration::from_millis(500);

pub(crate) fn run(way: Way, is_secure: bool) -> io::Result<()> {
    // As programs of other languages have it: a write to a peer that is gone must not end the process.
    sigpipe::reset();
    let watch = Arc::new(Mutex::new(Watch::default()));
    let (mut addrs, mut pin) = (None, None);
    let running = Running::start(way, &watch, |network| {
        network.set_limits(&NodeLimits::default().with_max_buffered(64 << 20));
        let mut tcp = TcpListenConfig::default().with_limits(limits(way));
        if is_secure {
            let (tls, made) = link::certificate();
            tcp = tcp.with_tls(tls);
            pin = Some(made.to_string());
        }
        addrs = Some(listen(network, &tcp)?);
        Ok(())
    })?;
    let network = running.network.clone();
    let addrs = addrs.into_iter().flatten().map(|addr| addr.to_string());
    println!("{}", addrs.chain(pin).collect::<Vec<_>>().join(" "));
    for line in io::stdin().lock().lines() {
        if line? != "report" {
            break;
        }
        print_report(&lock(&watch), &network.stats())?;
    }

    let started = Instant::now();
    running.stop();
    let mut watch = lock(&watch);
    watch.counts.insert("stop_ms".into(), started.elapsed().as_millis() as u64);
    print_report(&watch, &network.stats())
}

/// Limits shortened so that a run of seconds reaches them.
fn limits(way: Way) -> Limits {
    let stall =
        if way.waits_for_slow_ones() { SHORT_STALL } else { Limits::default().stall_timeout };
    Limits::default()
        .with_stall_timeout(stall)
        .with_handshake_timeout(Duration::from_secs(1))
        .with_linger(Duration::from_secs(1))
        .with_message_timeout(Duration::from_secs(2))
        .with_idle_timeout(Duration::from_secs(3))
        .with_outbox_soft_mark(64 << 10)
        .with_outbox_hard_limit(1 << 20)
        .with_max_connections_per_ip(80)
        .with_max_handshakes(100)
}

/// Listens over each transport.
fn listen(network: &NetworkController, tcp: &TcpListenConfig) -> io::Result<Vec<SocketAddr>> {
    let listen = |transport| {
        let listening = link::listening(transport, tcp.clone(), MAX_MESSAGE_SIZE);
        Ok(network.listen(&*listening, "127.0.0.1:0")?.1)
    };
    TRANSPORTS.into_iter().map(listen).collect()
}

fn print_report(watch: &Watch, stats: &Stats) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, value) in &watch.counts {
        writeln!(out, "{name} {value}")?;
    }
    writeln!(out, "alive {}", watch.alive.len())?;
    writeln!(out, "unanswered {}", watch.unanswered)?;
    writeln!(out, "endpoints {}", stats.endpoints)?;
    writeln!(out, "queued_bytes {}", stats.queued_bytes)?;
    writeln!(out, "refused {}", stats.refused)?;
    writeln!(out, "turned_away {}", stats.turned_away)?;
    writeln!(out, "accept_exhausted {}", stats.accept_exhausted)?;
    writeln!(out, "messages_in {}", stats.messages_in)?;
    writeln!(out, "wake_ups {}", stats.wake_ups)?;
    writeln!(out, "end")?;
    out.flush()
}
