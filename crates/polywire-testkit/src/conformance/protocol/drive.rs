//! One end of a protocol, called as the engine calls it, and two of them in a line.

use polywire_core::stream::{Context, Decoded, Encoder, Item, Protocol};
use polywire_core::{CloseReason, Message};

use super::ProtocolSubject;

/// What a result of `decode` breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Rule {
    /// `consumed` is no more than the input has.
    ConsumedIsThere,
    /// `Incomplete` consumes nothing.
    IncompleteConsumesNothing,
    /// Something was found, so something was consumed; a message may have been kept before.
    SomethingIsConsumed,
    /// What is left unconsumed is as it was.
    TheRestIsLeftAlone,
    /// `out` grows, and what was there stays.
    OutOnlyGrows,
    /// `Ready` comes once, and only where `open` said that it will.
    ReadyOnce,
    /// No message before that.
    NothingBeforeReady,
    /// What is kept of a message has been received.
    KeptIsReceived,
}

/// Kept bytes beside those of the message.
const MAX_KEPT_BESIDE: usize = 4 << 10;
/// How often two ends may answer each other.
const MAX_EXCHANGES: usize = 100;
/// Messages in a row that consume nothing.
const MAX_KEPT_MESSAGES: usize = 1000;
/// What lies in `out` before each call.
const BEFORE: &[u8] = b"before";

/// One end of a connection.
pub(in super::super) struct Side<P: Protocol> {
    pub(in super::super) protocol: P,
    pub(in super::super) encoder: P::Encoder,
    input: Vec<u8>,
    /// Length of the input at which `decode` is called again.
    needed: usize,
    /// Whether `decode` is called at each byte, whatever it says that it needs.
    pub(in super::super) is_hasty: bool,
    pub(in super::super) is_ready: bool,
    pub(in super::super) messages: Vec<Vec<u8>>,
    pub(in super::super) end: Option<CloseReason>,
    /// What it has said and nobody has read.
    pub(in super::super) out: Vec<u8>,
    received: usize,
    pub(in super::super) broken: Vec<(Rule, String)>,
}

impl<P: Protocol> Side<P> {
    pub(in super::super) fn new(protocol: P) -> Self {
        let encoder = protocol.encoder();
        let mut side = Self {
            protocol,
            encoder,
            input: Vec::new(),
            needed: 1,
            is_hasty: false,
            is_ready: false,
            messages: Vec::new(),
            end: None,
            out: Vec::new(),
            received: 0,
            broken: Vec::new(),
        };
        side.is_ready = side.say(|protocol, cx| protocol.open(cx));
        side
    }

    fn breaks(&mut self, rule: Rule, text: impl Into<String>) {
        self.broken.push((rule, text.into()));
    }

    /// Calls the protocol with something in `out` already.
    pub(in super::super) fn say<R>(
        &mut self,
        call: impl FnOnce(&mut P, &mut Context<'_>) -> R,
    ) -> R {
        let mut out = BEFORE.to_vec();
        let said = call(&mut self.protocol, &mut Context::new(&mut out));
        self.take_out(&out);
        said
    }

    fn take_out(&mut self, out: &[u8]) {
        match out.strip_prefix(BEFORE) {
            Some(more) => self.out.extend_from_slice(more),
            None => self.breaks(Rule::OutOnlyGrows, "what was in `out` is gone"),
        }
    }

    /// Frames a message.
    pub(in super::super) fn frame(&self, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.encoder.encode(Message::binary(message), &mut frame);
        frame
    }

    /// Takes what came in, as the engine does: what is not consumed is kept for the next.
    pub(in super::super) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.received += bytes.len();
        let mut kept = 0;
        while self.end.is_none() && !self.input.is_empty() {
            if !self.is_hasty && self.input.len() < self.needed {
                break;
            }
            match self.decode() {
                Some(0) if kept < MAX_KEPT_MESSAGES => kept += 1,
                Some(0) => {
                    self.breaks(Rule::SomethingIsConsumed, "it goes on for ever");
                    break;
                }
                Some(consumed) => {
                    self.input.drain(..consumed);
                    (self.needed, kept) = (1, 0);
                }
                None => break,
            }
        }
        let half = self.protocol.half_received().unwrap_or(0);
        if half > self.received + MAX_KEPT_BESIDE {
            let text = format!("{half} bytes are kept of {} that came", self.received);
            self.breaks(Rule::KeptIsReceived, text);
        }
    }

    /// The same without a look at the rules, which takes longer the more is kept.
    pub(in super::super) fn receive_unwatched(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.end.is_none() && self.input.len() >= self.needed {
            let mut cx = Context::new(&mut self.out);
            match self.protocol.decode(&mut self.input, &mut cx) {
                Ok(Decoded { item: Item::Incomplete { needed }, .. }) => {
                    self.needed = needed.max(self.input.len() + 1);
                }
                Ok(Decoded { consumed, item }) => {
                    if let Item::Message(message) = item {
                        self.messages.push(message.bytes.to_vec());
                        self.protocol.delivered();
                    }
                    self.input.drain(..consumed.min(self.input.len()));
                    self.needed = 1;
                }
                Err(reason) => self.end = Some(reason),
            }
        }
    }

    /// Bytes consumed; `None` if more are needed, or it is over.
    fn decode(&mut self) -> Option<usize> {
        let (before, len) = (self.input.clone(), self.input.len());
        let mut out = BEFORE.to_vec();
        let result = self.protocol.decode(&mut self.input, &mut Context::new(&mut out));
        let (consumed, found) = match result {
            Ok(Decoded { consumed, item }) => (consumed, Ok(Found::of(item))),
            Err(reason) => (0, Err(reason)),
        };
        self.take_out(&out);
        if consumed > len {
            self.breaks(Rule::ConsumedIsThere, format!("{consumed} bytes of {len}"));
            self.end = Some(CloseReason::AdapterFault("consumed too much".into()));
            return None;
        }
        match found {
            Ok(found) => {
                if self.input[consumed..] != before[consumed..] {
                    self.breaks(Rule::TheRestIsLeftAlone, format!("behind {consumed} bytes"));
                }
                self.take(found, consumed)
            }
            Err(reason) => {
                self.end = Some(reason);
                None
            }
        }
    }

    fn take(&mut self, found: Found, consumed: usize) -> Option<usize> {
        match found {
            Found::Incomplete(needed) => {
                if consumed > 0 {
                    self.breaks(Rule::IncompleteConsumesNothing, format!("{consumed} bytes"));
                }
                self.needed = needed.max(self.input.len() + 1);
                return None;
            }
            Found::Own if consumed == 0 => {
                self.breaks(Rule::SomethingIsConsumed, "`Skip` or `Answer` of nothing");
                return None;
            }
            Found::Own => {}
            Found::Ready if self.is_ready => self.breaks(Rule::ReadyOnce, "it was ready before"),
            Found::Ready => self.is_ready = true,
            Found::Message(message) => {
                if !self.is_ready {
                    self.breaks(Rule::NothingBeforeReady, "a message during the handshake");
                }
                self.messages.push(message);
                self.protocol.delivered();
            }
        }
        Some(consumed)
    }

    pub(in super::super) fn left(&self) -> usize {
        self.input.len()
    }
}

/// An item without its borrow.
enum Found {
    Incomplete(usize),
    Own,
    Ready,
    Message(Vec<u8>),
}

impl Found {
    fn of(item: Item<'_>) -> Self {
        match item {
            Item::Incomplete { needed } => Self::Incomplete(needed),
            Item::Skip | Item::Answer => Self::Own,
            Item::Ready => Self::Ready,
            Item::Message(message) => Self::Message(message.bytes.to_vec()),
        }
    }
}

/// Both ends of a connection, and who carries the bytes.
pub(in super::super) struct Link<P: Protocol> {
    pub(in super::super) client: Side<P>,
    pub(in super::super) server: Side<P>,
}

impl<P: Protocol> Link<P> {
    /// Two ends that have not shaken hands.
    pub(in super::super) fn silent(subject: &ProtocolSubject<P>) -> Self {
        Self { client: Side::new(subject.connecting()), server: Side::new(subject.accepting()) }
    }

    /// Two ends that are ready.
    #[track_caller]
    pub(in super::super) fn ready(subject: &ProtocolSubject<P>) -> Self {
        let mut link = Self::silent(subject);
        link.carry(usize::MAX);
        link.assert_ready("");
        link
    }

    #[track_caller]
    pub(in super::super) fn assert_ready(&self, how: &str) {
        let ends = [&self.client, &self.server].map(|side| (side.is_ready, side.end.clone()));
        assert_eq!(ends, [(true, None), (true, None)], "they do not shake hands{how}");
    }

    /// Carries what both say, in parts of that length, until neither says any more.
    pub(in super::super) fn carry(&mut self, part: usize) {
        // What answers an answer, and so on, is none of the rules; but it comes to an end here.
        for _ in 0..MAX_EXCHANGES {
            if self.client.out.is_empty() && self.server.out.is_empty() {
                break;
            }
            let (up, down) =
                (std::mem::take(&mut self.client.out), std::mem::take(&mut self.server.out));
            up.chunks(part.max(1)).for_each(|bytes| self.server.receive(bytes));
            down.chunks(part.max(1)).for_each(|bytes| self.client.receive(bytes));
        }
    }

    pub(in super::super) fn broken(self) -> impl Iterator<Item = (Rule, String)> {
        self.client.broken.into_iter().chain(self.server.broken)
    }
}
