//! One end of a connection without a socket, driven as the engine drives a protocol.

use polywire_core::address::ToRemoteAddr;
use polywire_core::stream::{Context, Item, Protocol};
use polywire_core::{CloseReason, MessageKind};
use polywire_framed_tcp::Framed;
use polywire_ws::{
    BINARY_START, CONTINUATION, CONTINUATION_END, TEXT_START, WsConnectConfig, WsListenConfig,
    WsProtocol, WsUrl,
};

/// A protocol, what it was fed and what it made of it.
pub struct Peer<P: Protocol> {
    protocol: P,
    pub encoder: P::Encoder,
    input: Vec<u8>,
    needed: usize,
    fed: usize,
    /// What it wants written.
    pub out: Vec<u8>,
    pub ready: bool,
    pub messages: Vec<Vec<u8>>,
    pub kinds: Vec<MessageKind>,
    pub end: Option<CloseReason>,
    /// Whether a byte may become many: as many as DEFLATE makes of it, and an inflater.
    pub inflates: bool,
    /// Whether messages are handed out in pieces, which are cut where the stream is.
    pub in_pieces: bool,
}

/// The most that DEFLATE makes of a byte.
const MAX_RATIO: usize = 1032;
/// What an inflater takes, with something to spare.
const INFLATER_BYTES: usize = 64 << 10;

impl<P: Protocol> Peer<P> {
    pub fn new(mut protocol: P) -> Self {
        let (encoder, mut out) = (protocol.encoder(), Vec::new());
        let ready = protocol.open(&mut Context::new(&mut out));
        Self {
            protocol,
            encoder,
            input: Vec::new(),
            needed: 0,
            fed: 0,
            out,
            ready,
            messages: Vec::new(),
            kinds: Vec::new(),
            end: None,
            inflates: false,
            in_pieces: false,
        }
    }

    /// One read. Asserts what [`Protocol::decode`] promises of each step.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.end.is_some() {
            return;
        }
        self.fed += bytes.len();
        self.input.extend_from_slice(bytes);
        let mut at = 0;
        while self.end.is_none() && at < self.input.len() && self.input.len() - at >= self.needed {
            self.needed = 0;
            match self.step(at) {
                Ok(0) => break,
                Ok(consumed) => at += consumed,
                Err(reason) => self.end = Some(reason),
            }
        }
        self.input.drain(..at);
        let kept = self.protocol.half_received().unwrap_or(0);
        let most = if self.inflates { self.fed * MAX_RATIO + INFLATER_BYTES } else { self.fed };
        assert!(kept <= most, "{kept} bytes kept of {}", self.fed);
    }

    /// Decodes one thing at `at` and returns its length, 0 if it is not whole.
    fn step(&mut self, at: usize) -> Result<usize, CloseReason> {
        let input = &mut self.input[at..];
        let before = input.to_vec();
        let decoded = self.protocol.decode(input, &mut Context::new(&mut self.out))?;
        let consumed = decoded.consumed;
        match decoded.item {
            Item::Incomplete { needed } => {
                self.needed = needed.max(before.len() + 1);
                assert_eq!(consumed, 0);
            }
            Item::Skip | Item::Answer => assert!(consumed > 0),
            Item::Ready => assert!(consumed > 0 && !std::mem::replace(&mut self.ready, true)),
            Item::Message(message) => {
                assert!(consumed > 0 && self.ready, "a message before the handshake");
                self.messages.push(message.bytes.to_vec());
                self.kinds.push(message.kind);
                self.protocol.delivered();
            }
        }
        assert!(consumed <= before.len());
        assert_eq!(self.input[at + consumed..], before[consumed..], "a byte left was changed");
        Ok(consumed)
    }

    /// The stream ends, and a program would be told why.
    pub fn end_of_stream(&mut self) -> CloseReason {
        self.protocol.end_of_stream(self.input.len())
    }

    /// Bytes that wait for the rest of something.
    pub fn kept(&self) -> usize {
        self.input.len() + self.protocol.half_received().unwrap_or(0)
    }
}

/// Feeds the same bytes whole to one and in pieces to the other, and has them agree.
pub fn agree<'a, P: Protocol>(
    (whole, cut): (&mut Peer<P>, &mut Peer<P>),
    bytes: &[u8],
    pieces: impl Iterator<Item = &'a [u8]>,
) {
    whole.feed(bytes);
    pieces.for_each(|piece| cut.feed(piece));
    assert_eq!(whole.ready, cut.ready);
    assert_eq!(whole.end, cut.end);
    if whole.in_pieces {
        assert!(joined(whole).agrees(&joined(cut), whole.end.is_some()));
    } else {
        assert_eq!((&whole.messages, &whole.kinds), (&cut.messages, &cut.kinds));
    }
    // Not the bytes: a client's masks are random.
    assert_eq!(whole.out.len(), cut.out.len());
    if whole.end.is_none() {
        assert_eq!(whole.kept(), cut.kept());
        assert_eq!(whole.end_of_stream(), cut.end_of_stream());
    }
}

/// Messages, whatever pieces they came in: whether it is text, its bytes, and whether the last of them came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Joined(pub Vec<(bool, Vec<u8>, bool)>);

impl Joined {
    /// Adds a message or a piece of one. Asserts that it may come now.
    pub fn push(&mut self, kind: MessageKind, bytes: &[u8]) {
        let open = self.0.last_mut().filter(|(.., is_whole)| !is_whole);
        match (kind, open) {
            (CONTINUATION | CONTINUATION_END, Some((_, message, is_whole))) => {
                message.extend_from_slice(bytes);
                *is_whole = kind == CONTINUATION_END;
            }
            (MessageKind::TEXT | MessageKind::BINARY | TEXT_START | BINARY_START, None) => {
                let is_text = matches!(kind, MessageKind::TEXT | TEXT_START);
                let is_whole = matches!(kind, MessageKind::TEXT | MessageKind::BINARY);
                self.0.push((is_text, bytes.to_vec(), is_whole));
            }
            (kind, open) => panic!("{kind:?} while {open:?} is open"),
        }
        if let Some((true, text, true)) = self.0.last() {
            assert!(std::str::from_utf8(text).is_ok());
        }
    }

    /// Whether these are the same; or, at the end of a connection, which takes the piece it comes in along, one is
    /// the front of the other.
    fn agrees(&self, other: &Self, has_ended: bool) -> bool {
        self == other || (has_ended && (self.is_front_of(other) || other.is_front_of(self)))
    }

    fn is_front_of(&self, other: &Self) -> bool {
        let Some(((text, bytes, is_whole), rest)) = self.0.split_last() else {
            return matches!(other.0[..], [] | [(.., false)]);
        };
        other.0.starts_with(rest) && {
            let others = &other.0[rest.len()..];
            let is_same = others.first() == self.0.last();
            let goes_on = others.first().is_some_and(|(other_text, other_bytes, _)| {
                text == other_text && !is_whole && other_bytes.starts_with(bytes)
            });
            (is_same && matches!(others[1..], [] | [(.., false)])) || (goes_on && others.len() == 1)
        }
    }
}

/// What came, whatever pieces it came in.
pub fn joined<P: Protocol>(peer: &Peer<P>) -> Joined {
    let mut joined = Joined::default();
    for (kind, message) in peer.kinds.iter().zip(&peer.messages) {
        joined.push(*kind, message);
    }
    joined
}

/// A server that has seen nothing yet.
pub fn ws_server(config: &WsListenConfig) -> Peer<WsProtocol> {
    Peer::new(fresh_server(config))
}

/// A client that has sent its request.
pub fn ws_client(config: &WsConnectConfig) -> Peer<WsProtocol> {
    Peer::new(fresh_client(config))
}

fn fresh_server(config: &WsListenConfig) -> WsProtocol {
    WsProtocol::server(config).expect("a sound configuration")
}

fn fresh_client(config: &WsConnectConfig) -> WsProtocol {
    let addr = "ws://example.org/chat".to_remote_addr().expect("a sound address");
    let url = WsUrl::parse(&addr).expect("a sound URL");
    WsProtocol::client(&url, config).expect("a sound configuration")
}

/// Protocols that the engine is fuzzed with, and the one that the other end of each speaks.
pub trait Pair: 'static {
    type Ours: Protocol;
    type Theirs: Protocol;
    fn ours() -> Self::Ours;
    fn theirs() -> Self::Theirs;

    /// Another of ours that makes the same of the same bytes; a client's key is random.
    fn reference() -> Option<Self::Ours> {
        Some(Self::ours())
    }
}

/// The longest message of the pairs: near enough to be exceeded.
pub const MAX: usize = 2000;

pub struct FramedPair;

impl Pair for FramedPair {
    type Ours = Framed;
    type Theirs = Framed;

    fn ours() -> Framed {
        Framed::new(MAX)
    }

    fn theirs() -> Framed {
        Framed::new(MAX)
    }
}

pub struct WsServerPair;

impl Pair for WsServerPair {
    type Ours = WsProtocol;
    type Theirs = WsProtocol;

    fn ours() -> WsProtocol {
        fresh_server(&WsListenConfig::default().with_max_message_size(MAX))
    }

    fn theirs() -> WsProtocol {
        fresh_client(&WsConnectConfig::default())
    }
}

pub struct WsClientPair;

impl Pair for WsClientPair {
    type Ours = WsProtocol;
    type Theirs = WsProtocol;

    fn ours() -> WsProtocol {
        fresh_client(&WsConnectConfig::default().with_max_message_size(MAX))
    }

    fn theirs() -> WsProtocol {
        fresh_server(&WsListenConfig::default())
    }

    fn reference() -> Option<WsProtocol> {
        None
    }
}
