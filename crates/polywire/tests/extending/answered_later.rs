//! A protocol whose handshake the program decides, in its own time, and that closes with a code.

use std::any::Any;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use polywire::adapter::{Connect, Connection, Listen, Listener};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig, connect_stream, listen_stream};
use polywire::network::{CloseReason, Message, RemoteAddr, ResourceId};
use polywire::stream::{Context, Decoded, Encoder, Frame, Item, Progress, Protocol};

use crate::support::{DEADLINE, Node};

/// The answer to who asks to be let in.
enum Answer {
    Welcome,
    Refused,
}

/// Ends the connection with that code.
struct CloseWith(u8);

/// A client says who it is, in one byte; each message is one byte, too. 0xff and a code ends it.
#[derive(Clone)]
enum Gate {
    Client,
    /// Where the program is told who asks.
    Server(Arc<Mutex<Sender<(ResourceId, u8)>>>),
}

struct Side {
    gate: Gate,
    is_open: bool,
}

struct Bytes;

const WELCOME: u8 = b'+';
const REFUSED: u8 = b'-';
const CLOSE: u8 = 0xff;

impl Connect for Gate {
    fn connect(&self, addr: &RemoteAddr) -> std::io::Result<Connection> {
        let side = Side { gate: self.clone(), is_open: false };
        connect_stream(&TcpConnectConfig::default(), addr, side)
    }
}

impl Listen for Gate {
    fn listen(&self, addr: &RemoteAddr) -> std::io::Result<Listener> {
        let gate = self.clone();
        let make = move |_: &_| Side { gate: gate.clone(), is_open: false };
        listen_stream(&TcpListenConfig::default(), addr, make)
    }
}

impl Protocol for Side {
    type Encoder = Bytes;

    fn encoder(&self) -> Bytes {
        Bytes
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        if let Gate::Client = self.gate {
            cx.out.push(b'A');
        }
        false
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let item = match (&self.gate, input) {
            (_, [CLOSE]) => {
                return Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: 2 } });
            }
            (_, [CLOSE, code, ..]) => {
                let (code, text) = (u16::from(*code), String::new());
                return Err(CloseReason::PeerClosedWith { code, text });
            }
            (_, input) if self.is_open => Item::Message(Message::binary(&input[..1])),
            (Gate::Server(asks), input) => {
                let _ = asks.lock().unwrap().send((cx.resource_id(), input[0]));
                Item::Skip
            }
            (Gate::Client, [WELCOME, ..]) => {
                self.is_open = true;
                Item::Ready
            }
            (Gate::Client, _) => return Err(CloseReason::HandshakeRefused("not welcome".into())),
        };
        Ok(Decoded { consumed: 1, item })
    }

    fn control(
        &mut self,
        value: Box<dyn Any + Send>,
        cx: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        match value.downcast::<Answer>().map(|answer| *answer) {
            Ok(Answer::Welcome) => {
                cx.out.push(WELCOME);
                self.is_open = true;
                return Ok(Progress::Ready);
            }
            Ok(Answer::Refused) => {
                cx.out.push(REFUSED);
                return Err(CloseReason::HandshakeRefused("the program said no".into()));
            }
            Err(value) => {
                if let Ok(close) = value.downcast::<CloseWith>() {
                    cx.out.extend([CLOSE, close.0]); // The peer ends the stream then.
                }
            }
        }
        Ok(Progress::Unchanged)
    }
}

impl Encoder for Bytes {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

#[test]
fn the_program_answers_a_handshake_when_it_likes_and_closes_with_a_code() {
    let (sender, asks) = mpsc::channel();
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(Gate::Server(Arc::new(Mutex::new(sender))));

    let refused = client.connect(Gate::Client, addr);
    let (id, who) = asks.recv_timeout(DEADLINE).unwrap();
    assert_eq!((who, server.network().is_ready(id)), (b'A', Some(false)));
    assert!(server.network().control(id, Answer::Refused));
    let told = CloseReason::HandshakeRefused("not welcome".into());
    assert_eq!(client.not_connected(refused), told);

    let welcome = client.connect(Gate::Client, addr);
    client.network().send(welcome, b"1"); // Behind the answer.
    let (id, _) = asks.recv_timeout(DEADLINE).unwrap();
    server.settle();
    assert!(server.network().control(id, "of no type that it knows"));
    assert!(server.network().control(id, Answer::Welcome));
    let accepted = server.accepted();
    assert_eq!(accepted.resource_id(), id);
    assert!(matches!(client.next(), crate::support::StoredNetEvent::Connected(_, true)));
    assert_eq!(server.message(), (accepted, b"1".to_vec()));

    // Behind what was sent before, and nothing of the protocol's own follows.
    server.network().send(accepted, b"2");
    assert!(server.network().control(id, CloseWith(42)));
    assert_eq!(client.message(), (welcome, b"2".to_vec()));
    let ended = CloseReason::PeerClosedWith { code: 42, text: String::new() };
    assert_eq!(client.disconnected(welcome), ended);
    assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
    assert!(!server.network().control(id, CloseWith(43)), "it is over");
}
