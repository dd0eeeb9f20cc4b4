//! Who does nothing costs nothing, and who does something is not idle.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::conformance::node::*;

/// The idle time under test.
const IDLE: Duration = Duration::from_millis(300);

/// E10: a loop with nothing to do sleeps.
pub fn an_idle_node_sleeps(subject: &Subject) {
    const WATCHED: Duration = Duration::from_millis(150);
    const FEW: u64 = 8;
    let (tell, threads) = mpsc::channel();
    let watched = |echoes: bool| {
        let tell = tell.clone();
        Node::with(subject, move |handler, event| {
            if let NetEvent::Message(endpoint, message) = event {
                let _ = tell.send(this_thread());
                if echoes {
                    handler.network().send(*endpoint, message);
                }
            }
        })
    };
    let (echo, client) = (watched(true), watched(false));
    let (_, addr) = echo.listen(subject);
    let endpoint = client.connect_ready(subject, &addr);
    client.network().send(endpoint, b"hello");
    client.expect(endpoint, b"hello");
    let threads: Vec<_> = threads.try_iter().collect();
    let nodes = [&echo, &client];
    let wake_ups = || nodes.iter().map(|node| node.network().stats().wake_ups).sum::<u64>();
    let busy = || threads.iter().map(|thread| busy_time(thread)).sum::<Duration>();
    // What was begun by the traffic may come to its end first.
    eventually(subject, "the loops to sleep", || {
        let before = (wake_ups(), busy());
        thread::sleep(WATCHED);
        wake_ups() - before.0 <= FEW && busy() - before.1 < WATCHED / 2
    });
}

/// Where Linux tells about the thread that calls this; empty elsewhere.
fn this_thread() -> PathBuf {
    fs::read_link("/proc/thread-self").map_or(PathBuf::new(), |link| Path::new("/proc").join(link))
}

/// How long the thread has run or wanted to; where nobody tells, nothing.
fn busy_time(thread: &Path) -> Duration {
    let times = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    let nanos = times.split_whitespace().take(2).flat_map(str::parse::<u64>).sum();
    Duration::from_nanos(nanos)
}

/// E9: what is received is a sign of life, and silence for the idle time is the end.
pub fn traffic_keeps_an_endpoint_alive_and_silence_ends_it(subject: &Subject) {
    // A machine that stands still for a moment makes a silence of its own: once more then, with more time.
    let talked = [IDLE, 4 * IDLE, 16 * IDLE].into_iter().find_map(|idle| {
        let pair = Pair::new(&subject.limited(Limits::default().with_idle_timeout(idle)));
        talk(subject, &pair, idle).map(|last| (pair, idle, last))
    });
    let (pair, idle, last) = talked.expect("a machine that does not stand still all the time");
    let reason = pair.server.disconnected(pair.to_client);
    let waited = last.elapsed();
    assert!(waited > idle / 4, "after {waited:?} of silence");
    let is_it = matches!(
        reason,
        // The other end may have been the first.
        CloseReason::IdleTimeout | CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. }
    );
    assert!(is_it, "{reason:?}");
}

/// Sends in both directions for twice the idle time. Returns when the last round began; `None` if one took so long that an
/// endpoint may have been idle by right.
fn talk(subject: &Subject, pair: &Pair, idle: Duration) -> Option<Instant> {
    let Pair { server, client, to_client, to_server } = pair;
    let ways = [(client, *to_server, server, *to_client), (server, *to_client, client, *to_server)];
    let start = Instant::now();
    loop {
        let began = Instant::now();
        let said =
            ways.iter().try_for_each(|(from, to, at, of)| say(subject, (from, *to), (at, *of)));
        thread::sleep(idle / 20);
        if began.elapsed() > idle / 3 {
            return None;
        }
        said.unwrap_or_else(|event| panic!("{event} under traffic"));
        if start.elapsed() >= 2 * idle {
            return Some(began);
        }
    }
}

/// Sends a message that the other end gets, or returns what it gets instead.
fn say(
    subject: &Subject,
    (from, to): (&Node, Endpoint),
    (at, of): (&Node, Endpoint),
) -> Result<(), String> {
    const TEXT: &[u8] = b"alive";
    match from.network().send(to, TEXT) {
        SendStatus::Sent => {}
        status => return Err(format!("{status:?}")),
    }
    let mut got = Vec::new();
    while got.len() < TEXT.len() {
        match at.next_within(subject.deadline()) {
            Some(StoredNetEvent::Message(endpoint, message)) if endpoint == of => {
                got.extend(message);
            }
            Some(event) => return Err(at.shown(&event)),
            None => panic!("nothing came of what was sent"),
        }
    }
    if got == TEXT { Ok(()) } else { Err(format!("{got:?}")) }
}
