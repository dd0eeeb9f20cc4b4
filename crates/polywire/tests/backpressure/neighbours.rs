//! A peer that never reads harms nobody but itself.

use std::env;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::WhenFull;

use crate::alone;
use crate::common::*;
use crate::peers::{MESSAGE, NonReader, alone as take_turns, limits};
use crate::process::cpu_time;
use crate::support::system::{on_one_cpu, this_thread};
use crate::support::{LEEWAY, Node, SLACK, median};

const PEERS: usize = 8;
const ROUND_TRIPS: usize = 500;
/// Times up to this are the machine's affair.
const FLOOR: Duration = Duration::from_millis(5);
/// Tells the process of the peers the transport and the address of their server.
const SERVER: &str = "POLYWIRE_TEST_SERVER";

/// How long `percent` of a hundred echoes take at most, at each of two nodes. They take turns, and turns at being
/// first, so that whatever else the machine does at that time hits both.
fn echo_times(percent: usize, transport: Transport, addrs: [SocketAddr; 2]) -> [Duration; 2] {
    let mut peers = addrs.map(|addr| RawPeer::connect(transport, addr));
    let mut times = [const { Vec::new() }; 2];
    for trip in 0..2 * ROUND_TRIPS {
        let which = [0, 1, 1, 0][trip % 4];
        let start = Instant::now();
        peers[which].send(&[7; 100]);
        assert_eq!(peers[which].read_small(100), [7; 100]);
        times[which].push(start.elapsed());
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[ROUND_TRIPS * percent / 100]
    })
}

/// Peers that send for ever and never read, in a process that yields the CPU to all others: elsewhere
/// they would have their own, and not keep node and client waiting for one.
struct Peers(Child);

impl Peers {
    fn start(transport: Transport, addr: SocketAddr) -> Self {
        let mut command =
            alone::command("neighbours::peers_that_never_read", "renice -n 19 $$ >&2");
        command.env(SERVER, format!("{transport} {addr}")).stdout(Stdio::null());
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process of [`Peers`]; among the tests it has nothing to do.
#[test]
fn peers_that_never_read() {
    let Ok(server) = env::var(SERVER) else { return };
    let (transport, addr) = server.split_once(' ').unwrap();
    let (transport, addr) = (transport.parse().unwrap(), addr.parse().unwrap());
    let peer = || sends_and_never_reads(transport, addr);
    thread::scope(|scope| (0..PEERS).for_each(|_| drop(scope.spawn(peer))));
}

fn sends_and_never_reads(transport: Transport, addr: SocketAddr) {
    let mut peer = RawPeer::connect(transport, addr);
    let message = frame(transport, &[7; MESSAGE]);
    // Its own end, or the deadline of the write, whichever comes first.
    while peer.stream.write_all(&message).is_ok() {}
}

/// Measures three times: what else the machine does may hit one of the two nodes for as long as it is measured.
fn assert_undisturbed(measure: impl Fn() -> [Duration; 2]) {
    let [disturbed, undisturbed] = middle(&[(); 3].map(|()| measure()));
    println!("p99 of the echoes: {disturbed:?}, and {undisturbed:?} without the peers");
    let allowed = (2 * undisturbed).max(SLACK * FLOOR);
    assert!(disturbed < allowed, "p99 is {disturbed:?}, and {undisturbed:?} without them");
}

/// A node that echoes, and sends the first that connected so many bytes for each echo.
fn echo_beside(len: usize) -> Node {
    let mut first = None;
    let message = vec![7; len];
    Node::with(move |handler, event| match event {
        NetEvent::Accepted(endpoint, _) => {
            first.get_or_insert(*endpoint);
        }
        NetEvent::Message(from, data) => {
            handler.network().send(*from, data);
            if let Some(first) = first.filter(|_| len > 0) {
                handler.network().send(first, &message);
            }
        }
        _ => {}
    })
}

/// The p90 of the echoes of `node`, to which a peer is connected that never reads, and of a node
/// without: of several rounds those in the middle. One of a hundred or more the machine holds up for something
/// else, which takes many times as long as an echo.
fn p90s_beside(transport: Transport, [node, quiet]: [&Node; 2]) -> [Duration; 2] {
    let (_, addr) = node.listen(transport);
    let (_, quiet_addr) = quiet.listen(transport);
    middle(&[(); 5].map(|()| echo_times(90, transport, [addr, quiet_addr])))
}

/// Of each node the time in the middle.
fn middle(rounds: &[[Duration; 2]]) -> [Duration; 2] {
    [0, 1].map(|which| median(rounds.iter().map(|times| times[which]).collect()))
}

/// Measures five times, with nodes of their own each time: how the system runs two threads beside each
/// other mostly lasts as long as they do. In the middle one the first p90 is at most twice the second.
fn assert_not_doubled(measure: impl Fn() -> [Duration; 2]) {
    let ratio = |[disturbed, undisturbed]: [Duration; 2]| {
        println!("p90 of the echoes: {disturbed:?}, and {undisturbed:?} without the peer");
        disturbed.as_secs_f64() / undisturbed.as_secs_f64()
    };
    let mut ratios = [(); 5].map(|()| ratio(measure()));
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[2] <= f64::from(2 * LEEWAY), "{ratios:?} times as long");
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_peer_that_never_reads_does_not_double_the_echo_times_of_others(transport) {
        let _turn = take_turns();
        on_one_cpu(|| assert_not_doubled(|| {
            let (node, quiet) = (echo_beside(MESSAGE / 8), echo_beside(0));
            let (_, addr) = node.listen(&*listening(transport, limits(WhenFull::Disconnect)));
            let _non_reader = NonReader::client(transport, addr);
            node.accepted();
            let p90s = p90s_beside(transport, [&node, &quiet]);
            assert_eq!(node.network().stats().ended.by_limit, 1);
            p90s
        }));
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_peer_that_another_thread_waits_for_does_not_double_the_echo_times_of_others(transport) {
        let _turn = take_turns();
        let measure = |when_full| {
            let (node, quiet) = (echo_beside(0), echo_beside(0));
            let (_, addr) = node.listen(&*listening(transport, limits(when_full)));
            let _non_reader = NonReader::client(transport, addr);
            let non_reader = node.accepted();
            let (network, message) = (node.network().clone(), [7; MESSAGE]);
            let sender = thread::spawn(move || {
                while network.send(non_reader, &message) == SendStatus::Sent {}
            });
            let p90s = p90s_beside(transport, [&node, &quiet]);
            assert!(!sender.is_finished(), "it is parked");
            assert!(node.network().remove(non_reader.resource_id()));
            sender.join().unwrap();
            p90s
        };
        on_one_cpu(|| {
            for when_full in [WhenFull::Disconnect, WhenFull::Wait] {
                assert_not_doubled(|| measure(when_full));
            }
        });
    }

    [tcp framed_tcp ws]
    fn echoes_stay_prompt_while_other_peers_run_into_the_hard_limit(transport) {
        let _turn = take_turns();
        assert_undisturbed(|| {
            let (node, quiet) = (Node::echo(), Node::echo());
            let (_, addr) = node.listen(&*listening(transport, limits(WhenFull::Disconnect)));
            let (_, quiet_addr) = quiet.listen(transport);
            let _peers = Peers::start(transport, addr);
            let p99s = echo_times(99, transport, [addr, quiet_addr]);
            let ended = || node.network().stats().ended.by_limit;
            eventually("the end of those that never read", || ended() == PEERS as u64);
            p99s
        });
    }

    [tcp framed_tcp ws]
    fn echoes_stay_prompt_beside_peers_that_are_stuck_and_these_cost_nothing(transport) {
        let _turn = take_turns();
        let (tell, told) = mpsc::channel();
        let mut tell = Some(tell);
        // An echo that stops reading those who do not read.
        let node = Node::with(move |handler, event| {
            if let Some(tell) = tell.take() {
                tell.send(this_thread()).unwrap();
            }
            if let NetEvent::Message(endpoint, message) = event {
                if handler.network().try_send(*endpoint, message) == SendStatus::Full {
                    handler.network().pause(endpoint.resource_id());
                }
            }
        });
        let (_, addr) = node.listen(&*listening(transport, limits(WhenFull::Disconnect)));
        let quiet = Node::echo();
        let (_, quiet_addr) = quiet.listen(transport);
        let _peers = Peers::start(transport, addr);
        let (mut last, mut since) = (0, Instant::now());
        eventually("that all are stuck", || {
            let bytes = node.network().stats().bytes_in;
            if bytes != last {
                (last, since) = (bytes, Instant::now());
            }
            bytes > 0 && since.elapsed() > Duration::from_millis(200)
        });
        assert_undisturbed(|| echo_times(99, transport, [addr, quiet_addr]));
        assert_eq!(node.network().stats().ended.by_limit, 0);

        let thread = told.recv().unwrap();
        let before = cpu_time(&thread);
        thread::sleep(Duration::from_secs(1));
        let used = cpu_time(&thread) - before;
        assert!(used < Duration::from_millis(10), "{used:?} of the CPU within a second");
    }
}
