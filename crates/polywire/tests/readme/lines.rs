use polywire::adapter::{Connect, Connection};
use polywire::adapters::tcp::{TcpConnectConfig, connect_stream};
use polywire::network::{CloseReason, Message, RemoteAddr, SendStatus};
use polywire::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};
use std::io;

const MAX_LINE: usize = 8 << 10;
struct Lines; // each message one line of text

impl Connect for Lines {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connect_stream(&TcpConnectConfig::default(), addr, Self)
    }
}

impl Protocol for Lines {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self
    }
    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true // There is no handshake.
    }
    fn decode<'a>(&'a mut self, input: &'a mut [u8], _: &mut Context<'_>) -> Result<Decoded<'a>, CloseReason> {
        let end = input.iter().position(|byte| *byte == b'\n');
        if end.unwrap_or(input.len()) > MAX_LINE {
            return Err(CloseReason::ProtocolViolation("line too long".into()));
        }
        Ok(match end {
            Some(len) => Decoded { consumed: len + 1, item: Item::Message(Message::binary(&input[..len])) },
            None => Decoded { consumed: 0, item: Item::Incomplete { needed: input.len() + 1 } },
        })
    }
}

impl Encoder for Lines {
    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        match message.bytes.len() {
            ..=MAX_LINE if message.bytes.contains(&b'\n') => Some(SendStatus::InvalidMessage),
            ..=MAX_LINE => None,
            _ => Some(SendStatus::MaxPacketSizeExceeded),
        }
    }
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
        frame.put(b"\n");
    }
}
