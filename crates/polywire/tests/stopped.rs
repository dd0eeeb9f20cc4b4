//! A process that is stopped and goes on (`SIGSTOP`, a debugger, a suspended machine) has lost nothing: what
//! the peers did meanwhile is seen before any deadline means something.
#![cfg(target_os = "linux")]

mod alone;
mod common;

use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polywire::adapter::Connect;
use polywire::{Backoff, Reconnecting};

use common::*;

/// Every deadline of the process that is stopped, but for the heartbeat's.
const TIMEOUT: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long it is stopped.
const STOPPED: Duration = Duration::from_secs(3);
/// More than the system keeps for a connection.
const MUCH: usize = 12 << 20;
const TICKS: usize = 5;
const TICK: Duration = Duration::from_millis(400);

fn deadlines() -> Limits {
    Limits::default()
        .with_connect_timeout(TIMEOUT)
        .with_handshake_timeout(TIMEOUT)
        .with_message_timeout(TIMEOUT)
        .with_idle_timeout(TIMEOUT)
        .with_heartbeat(HEARTBEAT)
        .with_stall_timeout(TIMEOUT)
        .with_linger(TIMEOUT)
}

fn listening(transport: Transport, limits: &Limits) -> Box<dyn Listen> {
    let limits = limits.clone();
    match transport {
        Transport::Tcp => Box::new(TcpListenConfig::default().with_limits(limits)),
        Transport::FramedTcp => Box::new(FramedTcpListenConfig::default().with_limits(limits)),
        Transport::Udp => Box::new(UdpListenConfig::default()),
        _ => Box::new(WsListenConfig::default().with_limits(limits)),
    }
}

fn connecting(transport: Transport, limits: &Limits) -> Box<dyn Connect> {
    let limits = limits.clone();
    match transport {
        Transport::Tcp => Box::new(TcpConnectConfig::default().with_limits(limits)),
        Transport::FramedTcp => Box::new(FramedTcpConnectConfig::default().with_limits(limits)),
        Transport::Udp => Box::new(UdpConnectConfig::default()),
        _ => Box::new(WsConnectConfig::default().with_limits(limits)),
    }
}

/// The process that is stopped: answers `MUCH` bytes to `much`, the same and its end to `bye`, and to
/// all else the same; connects where its input says; tells of what may go wrong.
fn serve(transport: Transport) {
    let (handler, listener) = split();
    let network = handler.network().clone();
    let limits = deadlines();
    let (_, addr) = network.listen(&*listening(transport, &limits), LOCALHOST).unwrap();
    println!("\ntell {addr}");
    thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            let (word, addr) = line.split_once(' ').unwrap();
            let addr: SocketAddr = addr.parse().unwrap();
            if word == "again" {
                let backoff = Backoff::default().with_first_delay(TIMEOUT).with_jitter(0.0);
                let again = Reconnecting::new(Transport::Tcp).with_backoff(backoff);
                handler.network().connect(again, addr).unwrap();
                continue;
            }
            handler.network().connect(&*connecting(transport, &limits), addr).unwrap();
            for tick in 1..=TICKS {
                handler.signals().send_with_timer(Signal::Step(tick), tick as u32 * TICK);
            }
            println!("\ntell timers set");
        }
        handler.stop();
    });
    listener.for_each(|event| match event {
        NodeEvent::Network(NetEvent::Connected(endpoint, is_ready)) => {
            println!("\ntell connected {is_ready} {:?}", network.close_reason(endpoint));
        }
        NodeEvent::Network(NetEvent::Message(endpoint, message)) => match message {
            b"much" => drop(network.send(endpoint, &[7; MUCH])),
            b"bye" => {
                network.send(endpoint, &[7; MUCH]);
                network.remove(endpoint.resource_id());
            }
            _ => drop(network.send(endpoint, message)),
        },
        NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
            println!("\ntell ended {:?}", network.close_reason(endpoint));
        }
        NodeEvent::Signal(Signal::Step(tick)) => println!("\ntell tick {tick}"),
        _ => {}
    });
}

/// That process, as its parent has it.
struct Server {
    child: Child,
    input: ChildStdin,
    told: mpsc::Receiver<String>,
}

impl Server {
    fn start(test: &str) -> (Self, SocketAddr) {
        let mut command = alone::command(test, "true");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix("tell ") {
                    let _ = tell.send(said.to_owned());
                }
            }
        });
        let server = Self { child, input, told };
        let addr = server.tells().parse().unwrap();
        (server, addr)
    }

    fn tells(&self) -> String {
        self.told.recv_timeout(DEADLINE).expect("the server says something")
    }

    /// Has it connect and set its timers. It is stopped behind that, not before it has read of it.
    fn connects_once(&mut self, addr: SocketAddr, is_ready_at_once: bool) {
        writeln!(self.input, "once {addr}").unwrap();
        let expected = &["connected true None", "timers set"][usize::from(!is_ready_at_once)..];
        let mut told: Vec<_> = expected.iter().map(|_| self.tells()).collect();
        told.sort_unstable();
        assert_eq!(told, expected);
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that a server sends for a message of that length, with its header.
fn answer_len(transport: Transport, len: usize) -> usize {
    let header = match (transport.plain(), len) {
        (_, 0) => 0,
        (Transport::FramedTcp, _) => frame(transport, &vec![0; len]).len() - len,
        (Transport::Ws, 0..=125) => 2,
        (Transport::Ws, 126..=0xFFFF) => 4,
        (Transport::Ws, _) => 10,
        _ => 0,
    };
    header + len
}

/// Heartbeats of WebSocket, before an answer, where it took a while to get here.
fn skip_pings(peer: &mut RawPeer) {
    const PING: u8 = 0x89;
    let mut start = [0; 2];
    while peer.stream.peek(&mut start).is_ok_and(|len| len == 2) && start[0] == PING {
        let mut ping = vec![0; 2 + usize::from(start[1])];
        peer.stream.read_exact(&mut ping).unwrap();
    }
}

/// Reads so many bytes in all, but for the pings among them, and returns the last of them.
fn read(peer: &mut RawPeer, len: usize) -> u8 {
    skip_pings(peer);
    let mut left = len;
    let mut buffer = vec![0; 1 << 16];
    while left > 0 {
        let room = left.min(buffer.len());
        let len = peer.stream.read(&mut buffer[..room]).expect("it goes on");
        assert_ne!(len, 0, "cut with {left} bytes to come");
        left -= len;
        if left == 0 {
            return buffer[len - 1];
        }
    }
    0
}

over_transports! {
    [tcp framed_tcp ws]
    fn a_process_that_is_stopped_for_three_seconds_loses_nothing(transport) {
        let name = if transport == Transport::FramedTcp { "framed_tcp".into() } else { transport.to_string() };
        let test = format!("a_process_that_is_stopped_for_three_seconds_loses_nothing::{name}");
        if alone::is_alone() {
            return serve(transport);
        }
        stop_and_continue(transport, &test);
    }
}

fn stop_and_continue(transport: Transport, test: &str) {
    let (mut server, addr) = Server::start(test);

    let whole = frame(transport, b"word");
    let upgrade = RawPeer::handshake(transport);
    let mut late = RawPeer::open(transport, addr);
    late.stream.write_all(&upgrade[..upgrade.len() / 2]).unwrap();
    let mut halved = RawPeer::connect(transport, addr);
    halved.stream.write_all(&whole[..2]).unwrap();
    let [mut much, mut bye] = [b"much".as_slice(), b"bye"].map(|word| {
        let mut peer = RawPeer::connect(transport, addr);
        peer.send(word);
        assert_eq!(read(&mut peer, 1000), 7);
        peer
    });
    let mut silent = RawPeer::connect(transport, addr);
    silent.send(b"word");
    assert_eq!(read(&mut silent, answer_len(transport, 4)), b'd');
    // One that comes again after a second, and one whose peer answers late.
    let listener = peer_that_is_met_again(&mut server);
    let (late_server, late_addr, answer) = late_server(transport);
    server.connects_once(late_addr, transport != Transport::Ws);

    server.signal("-STOP");
    thread::sleep(STOPPED / 2);
    late.stream.write_all(&upgrade[upgrade.len() / 2..]).unwrap();
    late.stream.write_all(&whole).unwrap();
    halved.stream.write_all(&whole[2..]).unwrap();
    silent.send(b"word");
    answer.send(()).unwrap();
    thread::sleep(STOPPED / 2);
    server.signal("-CONT");

    late.finish_handshake();
    assert_eq!(read(&mut late, answer_len(transport, 4)), b'd', "the handshake");
    assert_eq!(read(&mut halved, answer_len(transport, 4)), b'd', "the message");
    assert_eq!(read(&mut silent, answer_len(transport, 4)), b'd', "who was silent");
    assert_eq!(read(&mut much, answer_len(transport, MUCH) - 1000), 7, "who reads late");
    assert_eq!(read(&mut bye, answer_len(transport, MUCH) - 1000), 7, "what lingers");
    listener.accept().unwrap();
    // It is connected again, and over WebSocket to the late one too.
    expect_connects_and_ticks(&mut server, if transport.plain() == Transport::Ws { 2 } else { 1 });
    late_server.stop();
}

/// A peer that ended its first connection, and to which the server connects again.
fn peer_that_is_met_again(server: &mut Server) -> TcpListener {
    let listener = TcpListener::bind(LOCALHOST).unwrap();
    writeln!(server.input, "again {}", listener.local_addr().unwrap()).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(server.tells(), "connected true None");
    assert_eq!(server.tells(), "ended Some(PeerClosed)");
    listener
}

/// The server is connected so many times, and all its timers come in their order.
fn expect_connects_and_ticks(server: &mut Server, connects: usize) {
    let mut told: Vec<_> = (0..TICKS + connects).map(|_| server.tells()).collect();
    let is_ready = |line: &&String| line.starts_with("connected true");
    assert_eq!(told.iter().filter(is_ready).count(), connects, "{told:?}");
    told.retain(|line| line.starts_with("tick"));
    assert_eq!(told, (1..=TICKS).map(|tick| format!("tick {tick}")).collect::<Vec<_>>());
}

#[test]
fn a_process_that_is_stopped_for_three_seconds_loses_no_datagram() {
    if alone::is_alone() {
        return serve(Transport::Udp);
    }
    let (mut server, addr) =
        Server::start("a_process_that_is_stopped_for_three_seconds_loses_no_datagram");
    let peer = UdpSocket::bind(LOCALHOST).unwrap();
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    peer.connect(addr).unwrap();
    server.connects_once(peer.local_addr().unwrap(), true);

    server.signal("-STOP");
    for number in 0..10 {
        peer.send(&[number]).unwrap();
    }
    thread::sleep(STOPPED);
    server.signal("-CONT");

    let mut buffer = [0; 8];
    for number in 0..10 {
        let len = peer.recv(&mut buffer).expect("it is answered");
        assert_eq!(buffer[..len], [number]);
    }
    for tick in 1..=TICKS {
        assert_eq!(server.tells(), format!("tick {tick}"));
    }
}

/// A server whose loop stands still until it is told to go on.
fn late_server(transport: Transport) -> (Handler, SocketAddr, mpsc::Sender<()>) {
    let (handler, listener) = split();
    let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
    let (go_on, wait) = mpsc::channel();
    handler.signals().send(Signal::Step(0));
    thread::spawn(move || {
        listener.for_each(|event| {
            if let NodeEvent::Signal(_) = event {
                let _ = wait.recv();
            }
        });
    });
    (handler, addr, go_on)
}
