//! What the program says to a protocol, from the beginning of a connection to its last words.

use std::any::Any;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use polywire::Reconnecting;
use polywire::adapter::{Connect, Connection};
use polywire::adapters::tcp::{TcpConnectConfig, connect_stream};
use polywire::network::{CloseReason, Message, RemoteAddr};
use polywire::stream::{Context, Decoded, Encoder, Frame, Item, Progress, Protocol};

use crate::support::{ANY_PORT, Node, StoredNetEvent};

/// Ready at once, or never. What it is told it passes on, and `!` ends it.
#[derive(Clone, Default)]
struct Passes {
    shakes_hands: bool,
    closed: Arc<Mutex<usize>>,
}

struct Bytes;

/// What ends it besides: a reason that only the program's own ends have.
const WRONGLY: u8 = b'?';

fn ended() -> CloseReason {
    CloseReason::PeerClosedWith { code: 1, text: "the program".into() }
}

impl Connect for Passes {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connect_stream(&TcpConnectConfig::default(), addr, self.clone())
    }
}

impl Protocol for Passes {
    type Encoder = Bytes;

    fn encoder(&self) -> Bytes {
        Bytes
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        cx.out.push(b'<');
        !self.shakes_hands
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: 1, item: Item::Message(Message::binary(&input[..1])) })
    }

    fn control(
        &mut self,
        value: Box<dyn Any + Send>,
        cx: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        let byte = *value.downcast::<u8>().unwrap();
        cx.out.push(byte);
        match byte {
            b'!' => Err(ended()),
            WRONGLY => Err(CloseReason::Removed),
            _ => Ok(Progress::Unchanged),
        }
    }

    fn close(&mut self, _: &CloseReason, cx: &mut Context<'_>) {
        *self.closed.lock().unwrap() += 1;
        cx.out.push(b'>');
    }
}

impl Encoder for Bytes {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

fn all_of(mut peer: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_said_before_a_connection_that_is_ready_at_once_is_heard() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let endpoint = node.connect(Passes::default(), listener.local_addr().unwrap());
    assert!(node.network().control(endpoint.resource_id(), b'a'));
    assert!(node.network().control(endpoint.resource_id(), b'b'));
    let (mut peer, _) = listener.accept().unwrap();
    let mut heard = [0; 3];
    peer.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
    peer.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"<ab");
}

#[test]
fn a_protocol_that_ends_for_the_program_says_its_last_words_behind_all_messages() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let adapter = Passes::default();
    let endpoint = node.connect_ready(adapter.clone(), listener.local_addr().unwrap());
    let (peer, _) = listener.accept().unwrap();
    let sent = vec![b'.'; 16 << 20];
    assert_eq!(node.network().send(endpoint, &sent), polywire::network::SendStatus::Sent);
    for byte in *b"a!b!" {
        node.network().control(endpoint.resource_id(), byte);
    }
    assert_eq!(node.disconnected(endpoint), ended());
    let heard = all_of(peer);
    assert_eq!((heard[0], &heard[1 + sent.len()..]), (b'<', &b"a!"[..]));
    node.assert_silent();
    assert_eq!(*adapter.closed.lock().unwrap(), 0);
}

#[test]
fn a_protocol_that_ends_in_its_handshake_says_so() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let adapter = Passes { shakes_hands: true, ..Passes::default() };
    let endpoint = node.connect(adapter.clone(), listener.local_addr().unwrap());
    node.network().send(endpoint, b"never");
    for byte in *b"a!b!" {
        node.network().control(endpoint.resource_id(), byte);
    }
    let (peer, _) = listener.accept().unwrap();
    assert_eq!(node.not_connected(endpoint), ended());
    assert_eq!(all_of(peer), b"<a!");
    node.assert_silent();
    assert_eq!(*adapter.closed.lock().unwrap(), 0);
}

#[test]
fn a_protocol_may_end_before_it_is_known_to_be_ready() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let endpoint = node.connect(Passes::default(), listener.local_addr().unwrap());
    node.network().send(endpoint, b"first");
    node.network().control(endpoint.resource_id(), b'!');
    let (peer, _) = listener.accept().unwrap();
    match node.next() {
        StoredNetEvent::Connected(_, true) => assert_eq!(node.disconnected(endpoint), ended()),
        StoredNetEvent::Connected(_, false) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(all_of(peer), b"<first!");
}

#[test]
fn an_end_for_a_reason_that_is_the_programs_own_is_told_as_the_fault_it_is() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let is_told = |reason: &CloseReason| match reason {
        CloseReason::AdapterFault(text) => text.contains("Passes") && text.contains("Removed"),
        _ => false,
    };
    let open = node.connect_ready(Passes::default(), listener.local_addr().unwrap());
    node.network().control(open.resource_id(), WRONGLY);
    let reason = node.disconnected(open);
    assert!(is_told(&reason), "{reason:?}");

    let shaking = Passes { shakes_hands: true, ..Passes::default() };
    let endpoint = node.connect(shaking, listener.local_addr().unwrap());
    node.network().control(endpoint.resource_id(), WRONGLY);
    let reason = node.not_connected(endpoint);
    assert!(is_told(&reason), "{reason:?}");

    let again = Reconnecting::new(Passes::default());
    let endpoint = node.connect_ready(again, listener.local_addr().unwrap());
    node.network().control(endpoint.resource_id(), WRONGLY);
    assert!(matches!(node.next(), StoredNetEvent::Disconnected(it) if it == endpoint));
    assert!(matches!(node.next(), StoredNetEvent::Connected(it, true) if it == endpoint));
}
