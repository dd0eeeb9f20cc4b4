//! Messages that no buffer holds, over real sockets.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use polywire_core::MessageKind;
use polywire_core::network::{NetEvent, NetworkController, SendStatus};
use polywire_core::node::{self, NodeHandler, NodeTask};
use polywire_core::{CloseReason, Endpoint};
use polywire_ws::{
    BINARY_START, CONTINUATION, CONTINUATION_END, Close, Ping, RoundTrip, TEXT_START,
    WsConnectConfig, WsListenConfig,
};

const MIB: usize = 1 << 20;
/// What a node may hold on the way: the soft mark of an outbox and the piece above it, or a frame half received.
const MAX_HELD: usize = 2 * MIB;
/// What one read brings.
const MAX_PIECE: usize = 256 << 10;
const WAIT: Duration = Duration::from_secs(60);

/// What a node tells of a message that it has got in pieces: bytes, their sum, pieces, and the longest of them.
type Streamed = (usize, u64, usize, usize);

/// What a node gets, put together to nothing but figures.
struct Sink {
    network: NetworkController,
    open: Streamed,
    streamed: mpsc::Sender<Streamed>,
}

impl Sink {
    fn take(&mut self, piece: &[u8]) {
        let (len, sum, pieces, longest) = &mut self.open;
        let stats = self.network.stats();
        let held = stats.queued_bytes + stats.half_received_bytes;
        assert!(held <= MAX_HELD, "{held} bytes");
        *len += piece.len();
        *sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        *pieces += 1;
        *longest = piece.len().max(*longest);
        let kind = self.network.message_kind();
        let expected = if *pieces == 1 { BINARY_START } else { CONTINUATION };
        if kind == CONTINUATION_END || (*pieces, kind) == (1, MessageKind::BINARY) {
            self.streamed.send(std::mem::take(&mut self.open)).unwrap();
        } else {
            assert_eq!(kind, expected);
        }
    }
}

/// A node, and what it gets.
struct Node {
    handler: NodeHandler<()>,
    endpoints: Receiver<Endpoint>,
    streamed: Receiver<Streamed>,
    ended: Receiver<CloseReason>,
    _task: NodeTask,
}

impl Node {
    fn new() -> Self {
        let (handler, listener) = node::split::<()>();
        let (ready, endpoints) = mpsc::channel();
        let (streamed, received) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let network = handler.network().clone();
        let mut sink = Sink { network: network.clone(), open: Streamed::default(), streamed };
        let task = listener.for_each_async(move |event| match event.network() {
            NetEvent::Accepted(endpoint, _) | NetEvent::Connected(endpoint, true) => {
                ready.send(endpoint).unwrap();
            }
            NetEvent::Message(_, piece) => sink.take(piece),
            NetEvent::Disconnected(endpoint) => {
                end.send(network.close_reason(endpoint).unwrap()).unwrap();
            }
            NetEvent::Connected(_, false) => panic!("not connected"),
        });
        Self { handler, endpoints, streamed: received, ended, _task: task }
    }

    fn listen(&self) -> SocketAddr {
        let config = WsListenConfig::default().with_fragments(true);
        self.handler.network().listen(config, "127.0.0.1:0").unwrap().1
    }

    /// The one endpoint that is ready.
    fn endpoint(&self) -> Endpoint {
        self.endpoints.recv_timeout(WAIT).unwrap()
    }

    /// What came in pieces.
    fn streamed(&self) -> Streamed {
        self.streamed.recv_timeout(WAIT).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// Sends a message of so many pieces, with pings between them.
fn stream(network: &NetworkController, to: Endpoint, piece: &[u8], pieces: usize) {
    for number in 0..pieces {
        let kind = match number {
            0 => BINARY_START,
            _ if number == pieces - 1 => CONTINUATION_END,
            _ => CONTINUATION,
        };
        if number % 100 == 50 {
            assert!(network.control(to.resource_id(), Ping::new("between").unwrap()));
            assert_eq!(network.send(to, b"inside"), SendStatus::InvalidMessage);
        }
        assert_eq!(network.send_as(to, kind, piece), SendStatus::Sent);
    }
}

#[test]
fn a_message_longer_than_any_buffer_passes_both_ways_in_bounded_memory() {
    const PIECES: usize = 64 * MIB / PIECE;
    const PIECE: usize = 60_000;
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen();
    let config = WsConnectConfig::default().with_fragments(true);
    client.handler.network().connect(config, format!("ws://{addr}/")).unwrap();
    let (to_client, to_server) = (server.endpoint(), client.endpoint());
    let networks = [&server, &client].map(|node| node.handler.network().clone());
    thread::scope(|scope| {
        scope.spawn(|| stream(&networks[0], to_client, &[1; PIECE], PIECES));
        scope.spawn(|| stream(&networks[1], to_server, &[2; PIECE], PIECES));
    });
    let len = PIECES * PIECE;
    assert_eq!(client.streamed(), (len, len as u64, PIECES, PIECE));
    assert_eq!(server.streamed(), (len, 2 * len as u64, PIECES, PIECE));
    assert!(networks[0].info::<RoundTrip>(to_client).is_some(), "pongs came between");
    // What is sent in no kind goes as a message of its own, not as another last piece.
    assert_eq!(networks[1].send(to_server, b"plain"), SendStatus::Sent);
    assert_eq!(server.streamed().0, 5);
    // A Close inside a message is no violation.
    assert_eq!(networks[1].send_as(to_server, BINARY_START, b"cut"), SendStatus::Sent);
    networks[1].control(to_server.resource_id(), Close::new(4002, "enough").unwrap());
    let text = "enough".to_string();
    let reason = CloseReason::PeerClosedWith { code: 4002, text };
    assert_eq!(server.ended.recv_timeout(WAIT), Ok(reason));
}

#[test]
fn a_text_that_comes_in_pieces_is_answered_with_text_as_one_that_comes_whole_is() {
    const LEN: usize = 70_000;
    let (handler, listener) = node::split::<()>();
    let network = handler.network().clone();
    let (heard, pieces) = mpsc::channel();
    let mut missing = LEN;
    let _task = listener.for_each_async(move |event| {
        if let NetEvent::Message(endpoint, piece) = event.network() {
            missing -= piece.len();
            heard.send(network.message_kind()).unwrap();
            if missing == 0 {
                missing = LEN;
                network.send(endpoint, b"answer");
            }
        }
    });
    let config = WsListenConfig::default().with_fragments(true);
    let (_, addr) = handler.network().listen(config, "127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(addr).unwrap();
    let (mut client, _) = tungstenite::client(format!("ws://{addr}/"), stream).unwrap();
    let mut frame = vec![0x81, 0xff];
    frame.extend_from_slice(&(LEN as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]); // A key of zeros.
    frame.resize(frame.len() + LEN, b'a');
    for cut in [frame.len(), 100] {
        client.get_mut().write_all(&frame[..cut]).unwrap();
        let first = pieces.recv_timeout(WAIT).unwrap();
        assert!(cut == frame.len() || first == TEXT_START, "{first:?}");
        client.get_mut().write_all(&frame[cut..]).unwrap();
        assert!(client.read().unwrap().is_text(), "cut at {cut}");
        while pieces.try_recv().is_ok() {}
    }
    handler.stop();
}

/// As a browser sends it.
#[test]
fn a_message_in_one_frame_above_every_limit_passes_in_bounded_memory() {
    const LEN: usize = 100 * MIB;
    let server = Node::new();
    let addr = server.listen();
    let stream = TcpStream::connect(addr).unwrap();
    let (client, _) = tungstenite::client(format!("ws://{addr}/"), stream).unwrap();
    let mut stream = client.into_inner();
    let mut header = vec![0x82, 0xff];
    header.extend_from_slice(&(LEN as u64).to_be_bytes());
    header.extend_from_slice(&[0; 4]); // A key of zeros.
    stream.write_all(&header).unwrap();
    for _ in 0..100 {
        stream.write_all(&vec![1; MIB]).unwrap();
    }
    let (len, sum, _, longest) = server.streamed();
    assert_eq!((len, sum), (LEN, LEN as u64));
    assert!(longest <= MAX_PIECE, "{longest}");
}
