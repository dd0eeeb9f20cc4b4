//! A protocol whose frames depend on each other: each says how it differs from the one before, as compression
//! with a shared dictionary does.

use std::sync::{Mutex, PoisonError};

use polywire::adapter::{Connect, Connection, Listen, Listener};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig, connect_stream, listen_stream};
use polywire::network::{CloseReason, Message, RemoteAddr, SendStatus};
use polywire::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};

use crate::support::Node;

const LEN: usize = 4;

/// Messages of four bytes, of which each frame holds the difference to the message before.
#[derive(Clone, Copy, Default)]
struct Deltas {
    received: [u8; LEN],
}

/// The message that was sent last.
struct Sent(Mutex<[u8; LEN]>);

impl Connect for Deltas {
    fn connect(&self, addr: &RemoteAddr) -> std::io::Result<Connection> {
        connect_stream(&TcpConnectConfig::default(), addr, *self)
    }
}

impl Listen for Deltas {
    fn listen(&self, addr: &RemoteAddr) -> std::io::Result<Listener> {
        listen_stream(&TcpListenConfig::default(), addr, |_| Self::default())
    }
}

impl Protocol for Deltas {
    type Encoder = Sent;

    fn encoder(&self) -> Sent {
        Sent(Mutex::default())
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let Some(delta) = input.first_chunk::<LEN>() else {
            return Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: LEN } });
        };
        let pairs = self.received.iter_mut().zip(delta);
        pairs.for_each(|(byte, delta)| *byte = byte.wrapping_add(*delta));
        Ok(Decoded { consumed: LEN, item: Item::Message(Message::binary(&self.received)) })
    }
}

impl Encoder for Sent {
    fn is_ordered(&self) -> bool {
        true
    }

    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        (message.bytes.len() != LEN).then_some(SendStatus::InvalidMessage)
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (before, byte) in sent.iter_mut().zip(message.bytes) {
            frame.put(&[byte.wrapping_sub(*before)]);
            *before = *byte;
        }
    }
}

#[test]
fn frames_are_made_once_each_and_in_the_order_in_which_they_are_sent() {
    const THREADS: u16 = 4;
    const MESSAGES: u16 = 5000;
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(Deltas::default());
    let endpoint = client.connect(Deltas::default(), addr);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let network = client.network();
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let [a, b] = thread.to_be_bytes();
                    let [c, d] = number.to_be_bytes();
                    assert_eq!(network.send(endpoint, &[a, b, c, d]), SendStatus::Sent);
                }
            });
        }
    });
    server.accepted();
    let mut next = [0; THREADS as usize];
    for _ in 0..THREADS * MESSAGES {
        let (_, message) = server.message();
        let [a, b, c, d] = message.try_into().unwrap();
        let thread = usize::from(u16::from_be_bytes([a, b]));
        assert_eq!(u16::from_be_bytes([c, d]), next[thread]);
        next[thread] += 1;
    }
    assert_eq!(client.network().send(endpoint, b"short"), SendStatus::InvalidMessage);
}
