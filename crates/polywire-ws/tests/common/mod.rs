//! Two ends without a network between them, driven as the engine drives a protocol.
#![allow(dead_code, missing_docs, unreachable_pub)]

#[cfg(feature = "deflate")]
pub mod deflate;

use std::any::Any;

use polywire_core::address::ToRemoteAddr;
use polywire_core::network::SendStatus;
use polywire_core::stream::{Context, Encoder, Item, Progress, Protocol};
use polywire_core::{CloseReason, Message, MessageKind};
use polywire_ws::{WsConnectConfig, WsEncoder, WsListenConfig, WsProtocol, WsUrl};

/// The request of RFC 6455 section 1.2, and the value that its answer must have.
pub const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// One end, and all that it has said.
pub struct Peer {
    protocol: WsProtocol,
    pub encoder: WsEncoder,
    input: Vec<u8>,
    needed: usize,
    pub out: Vec<u8>,
    pub ready: bool,
    pub messages: Vec<Vec<u8>>,
    pub kinds: Vec<MessageKind>,
    pub end: Option<CloseReason>,
    pub decodes: usize,
}

impl Peer {
    pub fn client(url: &str, config: &WsConnectConfig) -> Self {
        let url = WsUrl::parse(&url.to_remote_addr().unwrap()).unwrap();
        Self::new(WsProtocol::client(&url, config).unwrap())
    }

    pub fn server(config: &WsListenConfig) -> Self {
        Self::new(WsProtocol::server(config).unwrap())
    }

    /// A server whose handshake is done and whose answer was taken.
    pub fn open_server(config: &WsListenConfig) -> Self {
        let mut server = Self::server(config);
        server.feed(REQUEST);
        assert!(server.ready, "{:?}", server.end);
        server.out.clear();
        server
    }

    /// A client whose handshake is done.
    pub fn open_client(config: &WsConnectConfig) -> Self {
        let mut client = Self::client("ws://example.org/", config);
        let mut server = Self::server(&WsListenConfig::default());
        server.feed(&std::mem::take(&mut client.out));
        client.feed(&server.out);
        assert!(client.ready, "{:?}", client.end);
        client
    }

    /// A client and a server that have shaken hands.
    pub fn pair(client: &WsConnectConfig, server: &WsListenConfig) -> (Self, Self) {
        let (mut client, mut server) =
            (Self::client("ws://example.org/", client), Self::server(server));
        server.feed(&std::mem::take(&mut client.out));
        client.feed(&std::mem::take(&mut server.out));
        assert!(client.ready && server.ready, "{:?} {:?}", client.end, server.end);
        (client, server)
    }

    fn new(mut protocol: WsProtocol) -> Self {
        let mut out = Vec::new();
        let ready = protocol.open(&mut Context::new(&mut out));
        Self {
            encoder: protocol.encoder(),
            protocol,
            input: Vec::new(),
            needed: 0,
            out,
            ready,
            messages: Vec::new(),
            kinds: Vec::new(),
            end: None,
            decodes: 0,
        }
    }

    /// One read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let mut at = 0;
        while self.end.is_none() && at < self.input.len() && self.input.len() - at >= self.needed {
            let input = &mut self.input[at..];
            let before = if input.len() < 1000 { input.to_vec() } else { Vec::new() };
            self.needed = 0;
            self.decodes += 1;
            let decoded = match self.protocol.decode(input, &mut Context::new(&mut self.out)) {
                Ok(decoded) => decoded,
                Err(reason) => {
                    self.finish(reason);
                    break;
                }
            };
            let consumed = decoded.consumed;
            match decoded.item {
                Item::Incomplete { needed } => self.needed = needed.max(before.len() + 1),
                Item::Skip | Item::Answer => {}
                Item::Ready => assert!(!std::mem::replace(&mut self.ready, true)),
                Item::Message(message) => {
                    assert!(self.ready);
                    self.messages.push(message.bytes.to_vec());
                    self.kinds.push(message.kind);
                    self.protocol.delivered();
                }
            }
            assert_eq!(consumed == 0, self.needed > 0);
            if !before.is_empty() {
                assert_eq!(
                    self.input[at + consumed..],
                    before[consumed..],
                    "a byte left was changed"
                );
            }
            at += consumed;
            if self.needed > 0 {
                break;
            }
        }
        self.input.drain(..at);
    }

    /// Reads cut after so many bytes each, over and over.
    pub fn feed_cut(&mut self, bytes: &[u8], cuts: &[usize]) {
        let mut rest = bytes;
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min((*cut).max(1)));
            self.feed(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
    }

    /// The protocol ends it.
    fn finish(&mut self, reason: CloseReason) {
        self.out.extend_from_slice(&self.protocol.last_words());
        self.end = Some(reason);
    }

    /// The program says something to the protocol.
    pub fn control(&mut self, value: impl Any + Send) {
        match self.protocol.control(Box::new(value), &mut Context::new(&mut self.out)) {
            Ok(Progress::Unchanged) => {}
            Ok(Progress::Ready) => {
                assert!(!std::mem::replace(&mut self.ready, true));
                self.needed = 0;
                self.feed(&[]);
            }
            Err(reason) => self.finish(reason),
        }
    }

    /// The protocol's deadline is over.
    pub fn expire(&mut self) {
        if let Err(reason) = self.protocol.expire(&mut Context::new(&mut self.out)) {
            self.finish(reason);
        }
    }

    /// Bytes kept of what has begun to arrive.
    pub fn half_received(&self) -> Option<usize> {
        self.protocol.half_received()
    }

    /// The stream ends.
    pub fn feed_end(&mut self) -> CloseReason {
        self.protocol.end_of_stream(self.input.len())
    }

    /// This side ends it.
    pub fn close(&mut self, reason: &CloseReason) {
        self.protocol.close(reason, &mut Context::new(&mut self.out));
    }

    /// The frame of a message or a piece of one, or why it can't be sent.
    pub fn frame_as(&self, kind: MessageKind, message: &[u8]) -> Result<Vec<u8>, SendStatus> {
        let (message, mut frame) = (Message::new(message, kind), Vec::new());
        match self.encoder.refuse(message) {
            Some(refusal) => Err(refusal),
            None => {
                self.encoder.encode(message, &mut frame);
                Ok(frame)
            }
        }
    }

    /// The frame of a message of which the program does not say of what kind it is.
    pub fn frame(&self, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.encoder.encode(Message::new(message, MessageKind::UNSPECIFIED), &mut frame);
        frame
    }

    pub fn text_out(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// A frame whose first byte is `first`; masked as a client's if `masked`.
pub fn raw(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            frame.push(mask_bit | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask_bit | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let key = if masked { [0x37, 0xfa, 0x21, 0x3d] } else { [0; 4] };
    if masked {
        frame.extend_from_slice(&key);
    }
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A frame of a client.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    raw(first, payload, true)
}

/// What was said, without the second it was said in: two ends may answer in different ones.
pub fn undated(out: &[u8]) -> Vec<u8> {
    const DATE: &[u8] = b"\r\nDate: ";
    let Some(at) = out.windows(DATE.len()).position(|part| part == DATE) else {
        return out.to_vec();
    };
    let behind = at + DATE.len() + "Sun, 29 Nov 2026 09:22:04 GMT".len();
    [&out[..at], &out[behind..]].concat()
}

/// The code in a server's Close frame, or `None` if it is empty.
pub fn close_code(out: &[u8]) -> Option<u16> {
    assert_eq!(out[0], 0x88, "not a Close frame: {out:?}");
    assert_eq!(usize::from(out[1]), out.len() - 2, "something behind the Close frame: {out:?}");
    out.get(2..4).map(|code| u16::from_be_bytes([code[0], code[1]]))
}
