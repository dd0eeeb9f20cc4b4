//! Row 16: however a connection ends, its end is told once, behind all its data, and leaves nothing.
#![cfg(target_os = "linux")]

mod alone;
mod support;

use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::network::{NetEvent, Transport};
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
    ResetInsideAMessage,
    ByBothAtOnce,
    RemovedInCallback,
}

const ENDINGS: [Ending; 6] = [
    Ending::Fin,
    Ending::FinBehindData,
    Ending::Reset,
    Ending::ResetInsideAMessage,
    Ending::ByBothAtOnce,
    Ending::RemovedInCallback,
];

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
    _task: NodeTask,
}

impl Server {
    fn start(transport: Transport) -> Self {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let book = Book::default();
        let (inner, told) = (handler.clone(), Arc::clone(&book));
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(event) = event {
                write_down(&inner, &told, event);
            }
        });
        Self { handler, addr, book, _task: task }
    }

    fn state(&self) -> (usize, usize, usize) {
        let stats = self.handler.network().stats();
        (descriptors(), stats.endpoints, stats.queued_bytes)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

fn write_down(handler: &NodeHandler<()>, book: &Book, event: NetEvent<'_>) {
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
                LATER => {
                    // At once with the peer's own end, by another thread.
                    let handler = handler.clone();
                    thread::spawn(move || handler.network().remove(endpoint.resource_id()));
                }
                _ => {}
            }
        }
        NetEvent::Disconnected(_) => told.ends.push(network.close_reason(endpoint)),
        NetEvent::Connected(..) => panic!("nobody connects here"),
    }
}

/// Ends the connection on the peer's side.
fn end(transport: Transport, ending: Ending, mut peer: TcpStream) {
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
            let message = frame(&[7; 1000]);
            say(&message[..500]);
            peers::reset(peer);
        }
        Ending::ByBothAtOnce => {
            say(&frame(LATER));
            drop(peer);
        }
        Ending::RemovedInCallback => {
            say(&[frame(REMOVE_ME), frame(b"unheard")].concat());
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
    match ending {
        Ending::Fin => assert_eq!(reasons, [&CloseReason::PeerClosed], "{text}"),
        Ending::FinBehindData => {
            let expected = [b"first", &[7; 20_000][..], b"last"].concat();
            assert!(told.data == expected, "{transport}: {} bytes", told.data.len());
            assert_eq!(reasons, [&CloseReason::PeerClosed]);
        }
        Ending::Reset | Ending::ResetInsideAMessage => {
            assert_eq!(reasons, [&CloseReason::Reset], "{text}");
        }
        Ending::ByBothAtOnce => assert!(reasons.len() <= 1, "{text}"),
        Ending::RemovedInCallback => assert!(told.removed && reasons.is_empty(), "{text}"),
    }
}

/// Opens so many connections, ends each in the next way, and checks what was told.
fn wave(transport: Transport, server: &Server, count: usize) {
    let opened: Vec<_> = (0..count).map(|_| peers::open(transport, server.addr)).collect();
    let awaited = |is_so: &dyn Fn(&HashMap<SocketAddr, Told>) -> bool| {
        eventually("it is told", || is_so(&server.book.lock().unwrap()));
    };
    awaited(&|book| book.len() == count);
    let mut endings = HashMap::new();
    for (peer, ending) in opened.into_iter().zip(ENDINGS.into_iter().cycle()) {
        if transport == Transport::Tcp && ending == Ending::RemovedInCallback {
            continue; // A byte stream may bring both messages as one: dropped, a plain end.
        }
        endings.insert(peer.local_addr().unwrap(), ending);
        end(transport, ending, peer);
    }
    awaited(&|book| endings.iter().all(|(addr, ending)| is_told(*ending, &book[addr])));
    let start = Instant::now();
    while server.handler.network().stats().endpoints > 1 {
        assert!(start.elapsed() < DEADLINE, "ended connections are forgotten");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() < Duration::from_secs(1) * SLACK, "{:?}", start.elapsed());
    let mut book = server.book.lock().unwrap();
    endings.iter().for_each(|(addr, ending)| check(transport, *ending, &book[addr]));
    book.clear();
}

#[test]
fn row_16_every_end_is_told_once_behind_all_data_and_leaves_nothing() {
    alone("row_16_every_end_is_told_once_behind_all_data_and_leaves_nothing", || {
        for transport in STREAMS {
            let server = Server::start(transport);
            let round = || {
                for _ in 0..CONNECTIONS / STREAMS.len() / WAVE {
                    wave(transport, &server, WAVE);
                }
            };
            let before = server.state();
            round();
            eventually("all is given back", || server.state() == before);
            let memory_before = memory();
            round();
            eventually("all is given back", || server.state() == before);
            let grown = memory().saturating_sub(memory_before);
            assert!(grown < 1 << 20, "{transport}: {grown} bytes more after the second round");
        }
    });
}
