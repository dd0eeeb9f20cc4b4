//! Connecting to nowhere ends once, with its reason, and a look-up that hangs holds up
//! nobody but its caller.
//!
//! Refused connections and peers that do not answer, by the thousand, are in `timeouts`.
#![cfg(target_os = "linux")]

mod alone;
mod faults;
mod namespace;
mod support;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::adapters::tcp::TcpConnectConfig;
use polywire::network::{Limits, NetEvent, NetworkController, RemoteAddr, SendStatus, Transport};
use polywire::node::{self, NodeEvent};
use polywire::{Backoff, CloseReason, Reconnecting};

use faults::Library;
use support::peers::{self, STREAMS, Unanswering};
use support::{DEADLINE, Node, StoredNetEvent, eventually, in_time};

/// How long the resolver of `faults/resolver.c` is silent.
const SILENCE: Duration = Duration::from_secs(2);
const ALERT: Duration = Duration::from_millis(500);

#[test]
fn an_address_without_a_route_is_told_in_the_error() {
    let node = Node::new();
    // Nothing reaches the broadcast address over TCP.
    let nowhere: SocketAddr = "255.255.255.255:80".parse().unwrap();
    for transport in STREAMS {
        for error in [
            node.network().connect(transport, nowhere).unwrap_err(),
            node.network().connect_sync(transport, nowhere).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{transport}: {error}");
            assert!(error.to_string().contains("255.255.255.255:80"), "{error}");
        }
    }
    node.assert_silent();
    assert_eq!(node.network().stats().endpoints, 0);
}

/// Connects to a host of which a router says that it can't be reached.
fn connect_to_unreachable() {
    let unreachable: SocketAddr = "127.99.0.1:80".parse().unwrap();
    let node = Node::new();
    for transport in STREAMS {
        for _ in 0..100 {
            let start = Instant::now();
            match node.network().connect(transport, unreachable) {
                Ok((endpoint, _)) => {
                    let reason = node.not_connected(endpoint);
                    assert!(
                        matches!(reason, CloseReason::Io(ErrorKind::HostUnreachable, _)),
                        "{transport}: {reason:?}"
                    );
                }
                // Over loopback the answer may be there before connect(2) returns.
                Err(error) => assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}"),
            }
            assert!(start.elapsed() < ALERT, "the answer is not waited out");
        }
    }
    node.assert_silent();
    eventually("all are forgotten", || node.network().stats().endpoints == 0);
}

#[test]
fn a_host_that_is_told_to_be_unreachable_is_told_as_such() {
    if alone::is_alone() {
        return connect_to_unreachable();
    }
    let test = "a_host_that_is_told_to_be_unreachable_is_told_as_such";
    let reject = "-A INPUT -d 127.99.0.1 -p tcp -j REJECT --reject-with icmp-host-unreachable";
    namespace::run(test, reject);
}

/// The longest time an echo of `node` took until `over`, and how many there were.
fn worst_echo(mut peer: TcpStream, over: &mpsc::Receiver<()>) -> (Duration, usize) {
    let (mut worst, mut count) = (Duration::ZERO, 0);
    while over.try_recv() == Err(mpsc::TryRecvError::Empty) {
        let start = Instant::now();
        peer.write_all(&peers::frame(Transport::FramedTcp, b"hello")).unwrap();
        assert_eq!(peers::read_message(Transport::FramedTcp, &mut peer), b"hello");
        worst = worst.max(start.elapsed());
        count += 1;
        thread::sleep(Duration::from_millis(1));
    }
    (worst, count)
}

/// Runs `work` while a peer of `node` has its messages echoed, which must not be held up.
fn beside_echoes(node: &Node, what: &str, work: impl FnOnce()) {
    let (_, addr) = node.listen(Transport::FramedTcp);
    let peer = peers::open(Transport::FramedTcp, addr);
    let (over, is_over) = mpsc::channel();
    let echoing = thread::spawn(move || worst_echo(peer, &is_over));
    work();
    over.send(()).unwrap();
    let (worst, count) = echoing.join().unwrap();
    println!("{what}: the longest of {count} echoes took {worst:?}");
    assert!(count > 10 && worst < ALERT, "{what}: {count} echoes, the longest took {worst:?}");
}

/// Threads that connect to a name that nobody resolves wait, and nobody else does.
fn connect_to_a_silent_name() {
    let node = Node::echo();
    let (_, addr) = node.listen(Transport::Tcp);
    beside_echoes(&node, "looking up", || {
        thread::scope(|scope| {
            for &transport in Transport::ALL {
                let network = node.network();
                scope.spawn(move || {
                    let start = Instant::now();
                    let error = network.connect(transport, "silent.test:80").unwrap_err();
                    assert!(start.elapsed() >= SILENCE, "the resolver is silent");
                    let reason = CloseReason::of(&error);
                    assert!(matches!(reason, Some(CloseReason::Unresolved(_))), "{reason:?}");
                });
            }
            // Calls that look up nothing go on beside.
            let start = Instant::now();
            for _ in 0..20 {
                let (endpoint, _) = node.network().connect_sync(Transport::Tcp, addr).unwrap();
                assert!(node.network().remove(endpoint.resource_id()));
            }
            assert!(start.elapsed() < SILENCE / 2, "{:?}", start.elapsed());
        });
    });
}

/// A connection by name that breaks is looked up again, beside the loop.
fn connect_again_to_a_name_that_fell_silent() {
    let mut server = Node::new();
    let (_, addr) = server.listen(Transport::FramedTcp);
    let mut node = Node::echo();
    let backoff = Backoff::default().with_first_delay(Duration::from_millis(10));
    let again = Reconnecting::new(Transport::FramedTcp).with_backoff(backoff);
    let name = format!("later.test:{}", addr.port());
    let (endpoint, _) = node.network().connect(again, &*name).unwrap();
    assert!(matches!(node.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
    beside_echoes(&node, "looking up again", || {
        let start = Instant::now();
        server.stop();
        loop {
            match node.next() {
                StoredNetEvent::Connected(e, ok) if e == endpoint => {
                    assert!(!ok && start.elapsed() >= SILENCE, "the resolver is silent");
                    break;
                }
                StoredNetEvent::Disconnected(e) => assert_eq!(e, endpoint),
                _ => {} // The echoes.
            }
        }
    });
    // The next look-up hangs again, or will: stopping does not wait for it.
    let start = Instant::now();
    in_time(move || node.stop());
    assert!(start.elapsed() < ALERT, "{:?}", start.elapsed());
}

#[test]
fn a_look_up_that_hangs_holds_up_nobody_but_its_caller() {
    if alone::is_alone() {
        connect_to_a_silent_name();
        return connect_again_to_a_name_that_fell_silent();
    }
    let Some(library) = Library::compile("resolver") else { return };
    let said = library.run("a_look_up_that_hangs_holds_up_nobody_but_its_caller");
    said.lines().filter(|line| line.contains("echoes")).for_each(|line| println!("{line}"));
}

/// Nobody listens at the first address of the name.
fn connect_to_the_second_address() {
    for transport in STREAMS {
        let server = Node::new();
        let (_, addr) = server.listen(transport);
        let name = format!("two.test:{}", addr.port());
        let client = Node::new();
        let (endpoint, _) = client.network().connect(transport, &*name).unwrap();
        let StoredNetEvent::Connected(connected, true) = client.next() else { panic!() };
        let (synchronous, _) = client.network().connect_sync(transport, &*name).unwrap();
        assert_eq!((connected, connected.addr()), (endpoint, addr), "{transport}");
        assert_eq!(synchronous.addr(), addr, "{transport}");
        let network = client.network();
        for endpoint in [endpoint, connected, synchronous] {
            assert_eq!(network.remote_addr(endpoint), Some(RemoteAddr::Socket(addr)));
            assert_eq!(network.send(endpoint, b"hello"), SendStatus::Sent);
        }
        let (told, is_told) = mpsc::channel();
        let inside = Node::with(move |handler, event| {
            if let NetEvent::Accepted(..) = event {
                told.send(handler.network().connect_sync(transport, &*name).unwrap().0).unwrap();
            }
        });
        let (_, own) = inside.listen(transport);
        client.connect(transport, own);
        assert_eq!(is_told.recv_timeout(DEADLINE).unwrap().addr(), addr, "{transport}");
    }
}

#[test]
fn the_endpoint_names_the_address_that_answered() {
    if alone::is_alone() {
        return connect_to_the_second_address();
    }
    let Some(library) = Library::compile("resolver") else { return };
    library.run("the_endpoint_names_the_address_that_answered");
}

/// How long an address is waited for that does not answer.
const PATIENCE: Duration = Duration::from_millis(400);

/// Runs `check` inside the callback of a node.
fn inside_the_callback(check: impl Fn(&NetworkController) + Send + 'static) {
    let (handler, listener) = node::split::<()>();
    let (done, is_done) = mpsc::channel();
    let inner = handler.clone();
    let mut task = listener.for_each_async(move |event| {
        if let NodeEvent::Signal(()) = event {
            check(inner.network());
            done.send(()).unwrap();
        }
    });
    handler.signals().send(());
    is_done.recv_timeout(DEADLINE).expect("the callback comes to its end");
    handler.stop();
    task.wait();
}

/// A server, its address, and three more with the same port that do not answer.
fn server_among_silence() -> (Node, SocketAddr, Vec<Unanswering>) {
    loop {
        let server = Node::new();
        let (_, addr) = server.listen(Transport::Tcp);
        let silent = [2, 3, 4].map(|last| Unanswering::at(([127, 0, 0, last], addr.port()).into()));
        match silent.into_iter().collect() {
            Ok(silent) => return (server, addr, silent),
            Err(error) => assert_eq!(io::Error::kind(&error), ErrorKind::AddrInUse, "{error}"),
        }
    }
}

/// The first three addresses of the name do not answer.
fn connect_to_the_fourth_address() {
    let (_server, addr, _silent) = server_among_silence();
    let (client, idle) = (Node::new(), node::split::<()>());
    let network = client.network().clone();
    let name = format!("four.test:{}", addr.port());
    // Shorter together than three connect timeouts, so that no sum of limits hides a missing wait.
    let limits = Limits::default().with_connect_timeout(PATIENCE);
    let config =
        TcpConnectConfig::default().with_limits(limits.with_handshake_timeout(PATIENCE / 2));

    let start = Instant::now();
    let (endpoint, _) = network.connect(config.clone(), &*name).unwrap();
    let connect = move |network: &NetworkController| {
        let start = Instant::now();
        let (endpoint, _) = network.connect_sync(config.clone(), &*name).unwrap();
        assert_eq!(endpoint.addr(), addr);
        assert!(start.elapsed() >= 3 * PATIENCE, "each address has its time");
    };
    thread::scope(|scope| {
        scope.spawn(|| inside_the_callback(connect.clone()));
        scope.spawn(|| connect(&network));
        scope.spawn(|| connect(idle.0.network())); // Nobody else runs the loop.
    });
    // The one of `connect_sync` may be told first.
    let [one, other] = [(); 2].map(|()| match client.next() {
        StoredNetEvent::Connected(connected, true) => connected,
        event => panic!("{event:?}"),
    });
    let connected = if one == endpoint { one } else { other };
    assert_eq!((connected, connected.addr()), (endpoint, addr));
    assert!(start.elapsed() >= 3 * PATIENCE, "each address has its time");
}

#[test]
fn each_address_of_a_name_is_waited_for_in_its_turn() {
    if alone::is_alone() {
        return connect_to_the_fourth_address();
    }
    let Some(library) = Library::compile("resolver") else { return };
    library.run("each_address_of_a_name_is_waited_for_in_its_turn");
}
