//! Every call of a script fails with every error, one at a time.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use polywire_core::network::NetEvent;
use polywire_core::{CloseReason, Limits};

use crate::host::{Host, TrackState};
use crate::{Call, Faults, Wire, World};

const PORT: u16 = 3042;

/// How a call may fail: what the manual pages of the calls list, by the names of std.
const KINDS: [ErrorKind; 14] = [
    ErrorKind::WouldBlock,
    ErrorKind::Interrupted,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::TimedOut,
    ErrorKind::NotConnected,
    ErrorKind::AddrInUse,
    ErrorKind::PermissionDenied,
    ErrorKind::OutOfMemory,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::Other,
];

/// Who closes, at the end of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closer {
    Client,
    Server,
    /// By stopping its node.
    StoppedServer,
}

/// Runs a script (listen, connect, echo both ways, close by one side) again and again, the n-th
/// call of which fails with each of 14 kinds of error, n = 1, 2, 3 ... until a run meets no
/// failure. Checks that nothing panics or hangs, that each endpoint ends once on both sides, that
/// errors which mean nothing change nothing, and that nothing is left over. Returns how many runs
/// that were, and how often each call failed.
///
/// # Panics
///
/// When something does not hold; which run it was is printed.
pub fn every_errno(wire: &Wire) -> (usize, Vec<(Call, usize)>) {
    let mut failures: BTreeMap<String, (Call, usize)> = BTreeMap::new();
    let mut runs = 0;
    for closer in [Closer::Client, Closer::Server, Closer::StoppedServer] {
        for kind in KINDS {
            for number in 1.. {
                let told = TellRun { closer, kind, number };
                let failed = run(wire, closer, kind, number);
                drop(told);
                runs += 1;
                let Some(call) = failed else { break };
                failures.entry(format!("{call:?}")).or_insert((call, 0)).1 += 1;
            }
        }
    }
    (runs, failures.into_values().collect())
}

/// One run; returns the call that failed.
fn run(wire: &Wire, closer: Closer, kind: ErrorKind, number: u64) -> Option<Call> {
    let world = World::new(number, Faults::default());
    world.fail_call(number, kind);
    let (mut server, mut client) = (Host::new(&world, wire), Host::new(&world, wire));
    let _ = server.listen(wire, Limits::default(), PORT);
    let endpoint = client.connect(wire, (Limits::default(), PORT), None);
    settle(&world, &mut server, &mut client);
    for len in [200, 10_000, 0] {
        if let Some(endpoint) = endpoint {
            client.send(endpoint, len, true);
        }
        settle(&world, &mut server, &mut client);
    }
    let harmless = is_harmless(world.failed_call(), kind);
    if harmless {
        assert_echoed(&server, &client);
    }
    assert_eq!(server.ready().count(), client.ready().count(), "half an endpoint lives");
    end(&world, closer, &mut server, &mut client);
    if is_harmless(world.failed_call(), kind) {
        assert_ended_well(closer, &server, &client);
    }
    world.while_waiting(Some(Box::new(|| {})));
    for host in [&mut server, &mut client] {
        assert_eq!(host.ready().count(), 0, "an endpoint was not told that it ended");
        assert_eq!(host.held(), 0, "bytes are left");
        host.stop();
    }
    assert_eq!(world.open_sockets(), 0, "sockets are left");
    world.failed_call()
}

/// Closes from one side, and lets the other see it.
fn end(world: &World, closer: Closer, server: &mut Host, client: &mut Host) {
    let host = if closer == Closer::Client { &mut *client } else { &mut *server };
    if closer == Closer::StoppedServer {
        let ready: Vec<_> = host.ready().map(|track| track.endpoint).collect();
        world.while_waiting(Some(Box::new(|| {})));
        host.stop();
        world.while_waiting(None);
        for endpoint in ready {
            assert_eq!(host.reason(endpoint), Some(CloseReason::NodeStopped));
            let track = host.endpoints.get_mut(&endpoint.resource_id().raw());
            track.expect("known").is_removed = true;
        }
    } else {
        let ready: Vec<_> = host.ready().map(|track| track.endpoint).collect();
        for endpoint in ready {
            host.remove(endpoint);
        }
    }
    settle(world, server, client);
    assert_eq!(client.network.stats().endpoints, 0, "the client keeps an endpoint");
    let listeners = server.network.stats().endpoints;
    assert!(listeners <= 1, "the server keeps an endpoint");
}

/// Whether a call that fails so must change nothing for the program.
fn is_harmless(call: Option<Call>, kind: ErrorKind) -> bool {
    match call {
        None => true,
        Some(Call::Read | Call::Write) => {
            matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
        }
        // Those that tell that the peer went away take it along.
        Some(Call::Accept) => {
            !matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
        }
        Some(_) => false,
    }
}

fn assert_echoed(server: &Host, client: &Host) {
    let received = |host: &Host| host.ready().map(|track| track.received.count).sum::<u32>();
    assert_eq!(received(server), 3, "messages that the server got");
    let sent = server.ready().map(|track| track.sent).sum::<u32>();
    assert_eq!(received(client), sent, "messages that came back");
}

/// The side that did not close saw a graceful close.
fn assert_ended_well(closer: Closer, server: &Host, client: &Host) {
    let told = if closer == Closer::Client { server } else { client };
    for track in told.endpoints.values() {
        assert_eq!(track.state, TrackState::Ended);
        let reason = told.reason(track.endpoint);
        let is_graceful = matches!(
            reason,
            Some(CloseReason::PeerClosed | CloseReason::PeerClosedWith { code: 1000 | 1001, .. })
        );
        assert!(is_graceful, "{reason:?}");
    }
}

/// Lets both nodes do all that they have to do, also what they try again later.
fn settle(world: &World, server: &mut Host, client: &mut Host) {
    for _ in 0..2 {
        let mut quiet = 0;
        for turn in 0.. {
            assert!(turn < 1000, "the world never comes to rest: {}", world.unrest());
            server.turn(|host, event| {
                if let NetEvent::Message(endpoint, message) = event {
                    host.send(*endpoint, message.len(), true);
                }
            });
            client.turn(|_, _| {});
            quiet = if world.is_quiet() { quiet + 1 } else { 0 };
            if quiet == 3 {
                break;
            }
        }
        world.advance(Duration::from_millis(101));
    }
}

/// Prints which run it was that panics.
struct TellRun {
    closer: Closer,
    kind: ErrorKind,
    number: u64,
}

impl Drop for TellRun {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { closer, kind, number } = self;
            eprintln!("the call number {number} failed with {kind:?}; closed by {closer:?}");
        }
    }
}
