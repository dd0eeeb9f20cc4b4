//! However a connection ends, its end is told once, behind all its data, and leaves nothing.
#![cfg(target_os = "linux")]

mod alone;
mod support;

use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::network::{NetEvent, ResourceId, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use alone::{alone, memory};
use support::peers::{self, STREAMS};
use support::system::descriptors;
use support::{ANY_PORT, DEADLINE, SLACK, eventually};

const CONNECTIONS: usize = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
const WAVE: usize = 200;
/// By this message the callback removes the endpoint it came from.
const REMOVE_ME: &[u8] = b"remove me";
/// By this one it is about to be removed by another thread.
const LATER: &[u8] = b"later";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Fin,
    FinBehindData,
    Reset,
    /// Behind as many bytes as it happens.
    ResetInsideAMessage,
    ByBothAtOnce,
    RemovedInCallback,
    /// By the system, which is told to end the connection (`ss -K`).
    Killed,
}

const ENDINGS: [Ending; 6] = [
    Ending::Fin,
    Ending::FinBehindData,
    Ending::Reset,
    Ending::ResetInsideAMessage,
    Ending::ByBothAtOnce,
    Ending::RemovedInCallback,
];

/// The messages of which a reset comes behind some bytes.
fn cut_short() -> [Vec<u8>; 3] {
    [vec![1; 100], vec![2; 1000], vec![3; 20_000]]
}

/// What was told of one peer.
#[derive(Debug, Default)]
struct Told {
    accepted: usize,
    /// The messages, one behind the other.
    data: Vec<u8>,
    ends: Vec<Option<CloseReason>>,
    /// Whether anything came behind its end or its removal.
    late: bool,
    /// Whether `remove` said that it was there.
    removed: bool,
}

type Book = Arc<Mutex<HashMap<SocketAddr, Told>>>;

struct Server {
    handler: NodeHandler<()>,
    addr: SocketAddr,
    book: Book,
    task: Option<NodeTask>,
    remover: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(transport: Transport) -> Self {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let book = Book::default();
        let (inner, told) = (handler.clone(), Arc::clone(&book));
        let (later, remover) = remover(handler.clone());
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(event) = event {
                write_down(&inner, &later, &told, event);
            }
        });
        Self { handler, addr, book, task: Some(task), remover: Some(remover) }
    }

    fn state(&self) -> (usize, usize, usize) {
        let stats = self.handler.network().stats();
        (descriptors(), stats.endpoints, stats.queued_bytes)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handler.stop();
        // Both hold descriptors of the node.
        drop(self.task.take());
        let _ = self.remover.take().unwrap().join();
    }
}

/// A thread that removes what it is told to. One for all, so that their stacks are not what the
/// test measures.
fn remover(handler: NodeHandler<()>) -> (mpsc::Sender<ResourceId>, thread::JoinHandle<()>) {
    let (later, now) = mpsc::channel();
    let thread = thread::spawn(move || {
        for id in now {
            handler.network().remove(id);
        }
    });
    (later, thread)
}

fn write_down(
    handler: &NodeHandler<()>,
    later: &mpsc::Sender<ResourceId>,
    book: &Book,
    event: NetEvent<'_>,
) {
    let network = handler.network();
    let mut book = book.lock().unwrap();
    let endpoint = match &event {
        NetEvent::Accepted(endpoint, _)
        | NetEvent::Message(endpoint, _)
        | NetEvent::Disconnected(endpoint)
        | NetEvent::Connected(endpoint, _) => *endpoint,
    };
    let told = book.entry(endpoint.addr()).or_default();
    told.late |= told.removed || !told.ends.is_empty();
    match event {
        NetEvent::Accepted(..) => told.accepted += 1,
        NetEvent::Message(_, message) => {
            told.data.extend_from_slice(message);
            match message {
                REMOVE_ME => told.removed = network.remove(endpoint.resource_id()),
                // At once with the peer's own end, by another thread.
                LATER => later.send(endpoint.resource_id()).unwrap(),
                _ => {}
            }
        }
        NetEvent::Disconnected(_) => told.ends.push(network.close_reason(endpoint)),
        NetEvent::Connected(..) => panic!("nobody connects here"),
    }
}

/// Ends the connection on the peer's side.
fn end(transport: Transport, ending: Ending, number: usize, mut peer: TcpStream) {
    let frame = |message: &[u8]| peers::frame(transport, message);
    let mut say = |bytes: &[u8]| peer.write_all(bytes).unwrap();
    match ending {
        Ending::Fin => drop(peer),
        Ending::FinBehindData => {
            say(&[frame(b"first"), frame(&[7; 20_000]), frame(b"last")].concat());
            drop(peer);
        }
        Ending::Reset => peers::reset(peer),
        Ending::ResetInsideAMessage => {
            let bytes = cut_short().map(|message| frame(&message)).concat();
            // Without a pattern, and the same each time.
            let random = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            say(&bytes[..1 + random as usize % (bytes.len() - 1)]);
            peers::reset(peer);
        }
        Ending::ByBothAtOnce => {
            say(&frame(LATER));
            drop(peer);
        }
        Ending::Killed => panic!("no doing of the peer"),
        Ending::RemovedInCallback => {
            // A byte stream may bring two messages as one, which the callback would not know.
            let unheard = if transport == Transport::Tcp { Vec::new() } else { frame(b"unheard") };
            say(&[frame(REMOVE_ME), unheard].concat());
            drop(peer);
        }
    }
}

fn is_told(ending: Ending, told: &Told) -> bool {
    match ending {
        Ending::RemovedInCallback => told.removed,
        // A removal that comes first leaves nothing to be told.
        Ending::ByBothAtOnce => told.data == LATER,
        _ => !told.ends.is_empty(),
    }
}

fn check(transport: Transport, ending: Ending, told: &Told) {
    let text = format!("{transport} {ending:?}: {told:?}");
    assert_eq!(told.accepted, 1, "{text}");
    assert!(!told.late, "{text}");
    let reasons: Vec<_> = told.ends.iter().flatten().collect();
    let fin = match transport {
        Transport::Ws => CloseReason::AbnormalClosure,
        _ => CloseReason::PeerClosed,
    };
    match ending {
        Ending::Fin => assert_eq!(reasons, [&fin], "{text}"),
        Ending::FinBehindData => {
            let expected = [b"first", &[7; 20_000][..], b"last"].concat();
            assert!(told.data == expected, "{transport}: {} bytes", told.data.len());
            assert_eq!(reasons, [&fin]);
        }
        Ending::Reset | Ending::Killed => assert_eq!(reasons, [&CloseReason::Reset], "{text}"),
        Ending::ResetInsideAMessage => {
            assert_eq!(reasons, [&CloseReason::Reset], "{transport}");
            let (told, whole) = (&told.data, cut_short());
            assert!(whole.concat().starts_with(told), "{transport}: {} bytes", told.len());
            let is_whole =
                [0, whole[0].len(), whole[0].len() + whole[1].len()].contains(&told.len());
            assert!(is_whole || transport == Transport::Tcp, "{transport}: {} bytes", told.len());
        }
        Ending::ByBothAtOnce => assert!(reasons.len() <= 1, "{text}"),
        Ending::RemovedInCallback => assert!(told.removed && reasons.is_empty(), "{text}"),
    }
}

/// Opens a wave of connections, ends each in the next way, checks what was told, and tells how long
/// it took until they were forgotten.
fn wave(transport: Transport, server: &Server, endings: &[Ending]) -> Duration {
    let opened = open(transport, server);
    let mut ended = HashMap::new();
    for (number, peer) in opened.into_iter().enumerate() {
        let ending = endings[number % endings.len()];
        ended.insert(peer.local_addr().unwrap(), ending);
        end(transport, ending, number, peer);
    }
    check_all(transport, server, &ended)
}

fn open(transport: Transport, server: &Server) -> Vec<TcpStream> {
    let opened: Vec<_> = (0..WAVE).map(|_| peers::open(transport, server.addr)).collect();
    eventually("all are accepted", || server.book.lock().unwrap().len() == WAVE);
    opened
}

fn check_all(
    transport: Transport,
    server: &Server,
    ended: &HashMap<SocketAddr, Ending>,
) -> Duration {
    eventually("it is told", || {
        let book = server.book.lock().unwrap();
        ended.iter().all(|(addr, ending)| is_told(*ending, &book[addr]))
    });
    let start = Instant::now();
    while server.handler.network().stats().endpoints > 1 {
        assert!(start.elapsed() < DEADLINE, "ended connections are forgotten");
        thread::sleep(Duration::from_millis(1));
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1) * SLACK, "{took:?}");
    let mut book = server.book.lock().unwrap();
    ended.iter().for_each(|(addr, ending)| check(transport, *ending, &book[addr]));
    book.clear();
    took
}

/// Two rounds of waves over each transport, which leave nothing, and the second no more than the
/// first.
fn rounds(endings: &[Ending], connections: usize) {
    for transport in STREAMS {
        let server = Server::start(transport);
        let waves = connections.div_ceil(STREAMS.len() * WAVE);
        let before = server.state();
        let round = || {
            let longest = (0..waves).map(|_| wave(transport, &server, endings)).max().unwrap();
            let start = Instant::now();
            while server.state() != before {
                let late = start.elapsed() > Duration::from_secs(1) * SLACK;
                assert!(!late, "{transport}: {:?} instead of {before:?}", server.state());
                thread::sleep(Duration::from_millis(1));
            }
            let took = start.elapsed();
            (longest + took, memory())
        };
        let start = Instant::now();
        let [(_, first), (back, second), (_, third)] = [round(), round(), round()];
        println!(
            "measured: {transport}: {} connections in {:?}, given back in {back:?}, memory {first}, \
             then {second} and then {third}",
            3 * waves * WAVE,
            start.elapsed(),
        );
        // What is lost is lost each time; the allocator may take some more once.
        let grown = second.saturating_sub(first).min(third.saturating_sub(second));
        assert!(grown < 1 << 20, "{transport}: {grown} bytes more after each round");
    }
}

#[test]
fn every_end_is_told_once_behind_all_data_and_leaves_nothing() {
    alone("every_end_is_told_once_behind_all_data_and_leaves_nothing", || {
        rounds(&ENDINGS, CONNECTIONS);
    });
}

#[test]
fn ten_thousand_resets_at_any_byte_leave_nothing() {
    alone("ten_thousand_resets_at_any_byte_leave_nothing", || {
        rounds(&[Ending::ResetInsideAMessage], CONNECTIONS / 2);
    });
}

/// Has the system end the connections of `server`, on its side or on that of the peers. Says so if
/// it does not do that.
fn kill(server: &Server, side: &str) -> bool {
    let filter = format!("{side} = :{}", server.addr.port());
    let arguments = ["-K", "-tnH", "state", "established", &filter];
    match Command::new("ss").args(arguments).output() {
        // It names what it has ended.
        Ok(output) if !output.stdout.is_empty() => true,
        output => {
            println!("skipped: ss -K ends nothing here: {output:?}");
            false
        }
    }
}

#[test]
fn an_end_that_the_system_makes_is_told_once() {
    for transport in STREAMS {
        for side in ["sport", "dport"] {
            let server = Server::start(transport);
            let opened = open(transport, &server);
            if kill(&server, side) {
                let addrs = opened.iter().map(|peer| peer.local_addr().unwrap());
                let ended = addrs.map(|addr| (addr, Ending::Killed)).collect();
                check_all(transport, &server, &ended);
            }
        }
    }
}
