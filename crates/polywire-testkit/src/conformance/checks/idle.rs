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
    let subject = &subject.limited(Limits::default().with_idle_timeout(IDLE));
    let Pair { server, client, to_client, to_server } = Pair::new(subject);
    let start = Instant::now();
    while start.elapsed() < 2 * IDLE {
        for (network, to) in [(client.network(), to_server), (server.network(), to_client)] {
            assert_eq!(network.send(to, b"alive"), SendStatus::Sent, "idle under traffic");
        }
        server.expect(to_client, b"alive");
        client.expect(to_server, b"alive");
        thread::sleep(IDLE / 20);
    }
    let silent_since = Instant::now();
    let reason = server.disconnected(to_client);
    let waited = silent_since.elapsed();
    assert!(waited > IDLE / 4, "after {waited:?} of silence");
    let is_it = matches!(
        reason,
        // The other end may have been the first.
        CloseReason::IdleTimeout | CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. }
    );
    assert!(is_it, "{reason:?}");
}
