//! A protocol with a deadline of its own, beside the timeouts that the loop keeps.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polywire::adapter::{Connect, Connection};
use polywire::adapters::tcp::{TcpConnectConfig, connect_stream};
use polywire::network::{CloseReason, Endpoint, Limits, Message, NetEvent, RemoteAddr};
use polywire::stream::{Context, Decoded, Encoder, Frame, Item, Progress, Protocol};
use polywire::{Backoff, Reconnecting};

use crate::support::{ANY_PORT, DEADLINE, Node, StoredNetEvent, eventually};

const MOVED: Duration = Duration::from_secs(3600);

/// What is called of a protocol.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<&'static str>>>);

impl Calls {
    fn note(&self, call: &'static str) {
        self.0.lock().unwrap().push(call);
    }

    fn has(&self, call: &'static str) -> bool {
        self.0.lock().unwrap().contains(&call)
    }
}

/// Each byte is a message. The deadline is as long after the stream is connected as is said, and one that
/// moves is an hour away after each message.
#[derive(Clone, Default)]
struct Clocked {
    limits: Limits,
    after: Option<Duration>,
    is_early: bool,
    moves: bool,
    is_ready_late: bool,
    calls: Calls,
}

struct Side {
    config: Clocked,
    deadline: Option<Instant>,
}

struct Bytes;

impl Connect for Clocked {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let config = TcpConnectConfig::default().with_limits(self.limits.clone());
        let deadline = self.after.filter(|_| self.is_early).map(|after| Instant::now() + after);
        connect_stream(&config, addr, Side { config: self.clone(), deadline })
    }
}

impl Protocol for Side {
    type Encoder = Bytes;

    fn encoder(&self) -> Bytes {
        Bytes
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        self.config.calls.note("open");
        self.deadline = self.config.after.map(|after| cx.now() + after);
        !self.config.is_ready_late
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        if self.config.moves {
            self.deadline = Some(cx.now() + MOVED);
        }
        let item = Item::Message(Message::binary(&input[..1]));
        Ok(Decoded { consumed: 1, item })
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn expire(&mut self, _: &mut Context<'_>) -> Result<Progress, CloseReason> {
        self.config.calls.note("expire");
        self.deadline = None;
        Ok(if self.config.is_ready_late { Progress::Ready } else { Progress::Unchanged })
    }
}

impl Encoder for Bytes {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

fn peer_of(node: &Node, config: Clocked) -> (Endpoint, TcpStream) {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let endpoint = node.connect_ready(config, listener.local_addr().unwrap());
    (endpoint, listener.accept().unwrap().0)
}

#[test]
fn a_deadline_that_moves_leaves_the_idle_timeout_where_it_is() {
    let node = Node::new();
    let limits = Limits::default().with_idle_timeout(Duration::from_millis(300));
    let (endpoint, mut peer) =
        peer_of(&node, Clocked { limits, moves: true, ..Clocked::default() });
    for number in 0..100 {
        peer.write_all(&[number]).unwrap();
        assert_eq!(node.message(), (endpoint, vec![number]));
    }
    assert_eq!(node.disconnected(endpoint), CloseReason::IdleTimeout);
}

#[test]
fn the_deadline_of_a_connection_that_has_ended_is_not_one_of_the_next() {
    let node = Node::new();
    let (calls, listener) = (Calls::default(), TcpListener::bind(ANY_PORT).unwrap());
    // Only the first connection has a deadline.
    let after = Some(Duration::from_millis(400));
    let config = Clocked { after, calls: calls.clone(), ..Clocked::default() };
    let first = Arc::new(Mutex::new(Some(config.clone())));
    #[derive(Clone)]
    struct Once(Arc<Mutex<Option<Clocked>>>, Clocked);
    impl Connect for Once {
        fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
            self.0.lock().unwrap().take().unwrap_or_else(|| self.1.clone()).connect(addr)
        }
    }
    let once = Once(first, Clocked { after: None, ..config });
    let backoff = Backoff::default().with_first_delay(Duration::from_millis(1)).with_jitter(0.0);
    let adapter = Reconnecting::new(once).with_backoff(backoff);
    let endpoint = node.connect_ready(adapter, listener.local_addr().unwrap());
    drop(listener.accept().unwrap());
    assert!(matches!(node.next(), StoredNetEvent::Disconnected(e) if e == endpoint));
    assert!(matches!(node.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
    std::thread::sleep(Duration::from_millis(600));
    node.settle();
    assert!(!calls.has("expire"), "of the connection before");
}

#[test]
fn a_handshake_in_the_callback_has_its_deadline_too() {
    let calls = Calls::default();
    let config = Clocked {
        after: Some(Duration::from_millis(50)),
        is_ready_late: true,
        limits: Limits::default().with_handshake_timeout(Duration::from_secs(3)),
        calls: calls.clone(),
        ..Clocked::default()
    };
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, results) = std::sync::mpsc::channel();
    let node = Node::with(move |handler, event| {
        if let NetEvent::Message(..) = event {
            let _ = sender.send(handler.network().connect_sync(config.clone(), addr).map(|_| ()));
        }
    });
    let (_, mut peer) = peer_of(&node, Clocked::default());
    peer.write_all(b"x").unwrap();
    let result = results.recv_timeout(DEADLINE).unwrap();
    assert!(result.is_ok() && calls.has("expire"), "{result:?}");
}

#[test]
fn a_deadline_outlives_a_connect_in_the_callback() {
    let calls = Calls::default();
    let after = Some(Duration::from_millis(200));
    let config = Clocked { after, calls: calls.clone(), ..Clocked::default() };
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    let node = Node::with(move |handler, event| {
        if let NetEvent::Message(..) = event {
            handler.network().connect_sync(config.clone(), addr).unwrap();
        }
    });
    let (_, mut peer) = peer_of(&node, Clocked::default());
    peer.write_all(b"x").unwrap();
    eventually("the deadline is over", || calls.has("expire"));
}

#[test]
fn a_deadline_of_before_the_connection_is_asked_for_when_that_is_there() {
    // Nobody answers: the queue of the listener is full.
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut full = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        full.push(stream);
        assert!(full.len() < 10_000);
    }
    let calls = Calls::default();
    let config = Clocked {
        after: Some(Duration::from_millis(50)),
        is_early: true,
        limits: Limits::default().with_connect_timeout(Duration::from_millis(400)),
        calls: calls.clone(),
        ..Clocked::default()
    };
    let endpoint = node.connect(config, addr);
    assert_eq!(node.not_connected(endpoint), CloseReason::ConnectTimeout);
    assert!(!calls.has("expire"), "it is not connected");
}
