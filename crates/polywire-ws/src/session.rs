//! The connection after the handshake: frames in, messages out.

mod admitting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_core::stream::{Context, Decoded, Item};
use polywire_core::{CloseReason, Message, MessageKind};

use crate::assembler::Assembler;
use crate::close::{self, Close, End};
use crate::deflate::inflation::Inflation;
use crate::frame::{self, OpCode};
use crate::header::Header;
use crate::kinds;
use crate::mask;
use crate::role::Role;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::streamer::{Streamer, incomplete};
use crate::transient::Transient;
use crate::utf8::is_text;
use crate::whole_message::WholeMessage;

/// One open WebSocket connection.
#[derive(Debug)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    /// What most connections have no use for.
    transient: Option<Box<Transient>>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, transient: None }
    }

    /// The handshake is done.
    pub(crate) fn begin(&mut self, cx: &Context<'_>) {
        let Settings { fragments, max_lifetime, .. } = *self.settings();
        if fragments {
            self.transient_mut().streamer = Some(Streamer::default());
        }
        if self.transient.as_ref().is_some_and(|transient| transient.close.is_some()) {
            self.transient_mut().ends_at = Some(cx.now());
        } else if let Some(lifetime) = max_lifetime {
            let lifetime = lifetime_of(lifetime, cx.resource_id().raw());
            self.transient_mut().ends_at = cx.now().checked_add(lifetime);
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[inline(always)]
    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn transient_mut(&mut self) -> &mut Transient {
        Transient::get_or_take(&mut self.transient)
    }

    /// Gives memory back that holds nothing any more.
    fn shrink(&mut self) {
        if let Some(transient) = self.transient.take_if(|transient| transient.is_empty()) {
            transient.give_back();
        }
    }

    /// The bytes of the fragments of a message whose last one is still to come; 0 inside of a frame that is
    /// handed out as it comes.
    #[inline]
    pub(crate) fn half_received(&self) -> Option<usize> {
        let transient = self.transient.as_deref()?;
        let is_inside_frame =
            transient.streamer.as_ref().is_some_and(Streamer::is_inside_frame).then_some(0);
        is_inside_frame.or_else(|| self.open_message().map(Assembler::kept))
    }

    /// Whether the last of a message is still to come.
    pub(crate) fn is_inside_message(&self) -> bool {
        let streamer = self.transient.as_ref().and_then(|transient| transient.streamer.as_ref());
        streamer.is_some_and(Streamer::is_inside_message) || self.open_message().is_some()
    }

    /// The message of which fragments have come, but not the last one.
    fn open_message(&self) -> Option<&Assembler> {
        self.transient.as_deref()?.assembler.as_ref().filter(|assembler| assembler.is_open())
    }

    /// Asks the peer for a sign of life (RFC 6455 section 5.5.2).
    pub(crate) fn ping(&mut self, payload: &[u8], cx: &mut Context<'_>) {
        frame::write(self.settings().role, OpCode::Ping, payload, cx.out);
        if self.shared.facts().is_some() {
            let now = cx.now();
            self.transient_mut().pings.note_sent(payload, now);
        }
    }

    /// The same where nobody has asked for it: with a payload that tells its answer from any other pong.
    pub(crate) fn heartbeat(&mut self, cx: &mut Context<'_>) {
        match self.shared.facts() {
            None => self.ping(&[], cx),
            Some(_) => self.ping(&rand::random::<u32>().to_be_bytes(), cx),
        }
    }

    /// The program wants it closed, and the handshake is not done.
    pub(crate) fn close_once_ready(&mut self, close: Close) {
        self.transient_mut().close.get_or_insert(close);
    }

    /// How the program wants it closed, where it does not become ready.
    pub(crate) fn take_close(&mut self) -> Option<Close> {
        let close = self.transient.as_mut()?.close.take();
        self.shrink();
        close
    }

    /// When this side ends it.
    #[inline]
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.transient.as_ref()?.ends_at
    }

    /// Why this side ends it now, if it does.
    pub(crate) fn end_by(&mut self, now: Instant) -> Option<CloseReason> {
        self.ends_at().filter(|at| *at <= now)?;
        let close = self.transient_mut().close.take();
        Some(close.map_or(CloseReason::MaxLifetime, CloseReason::from))
    }

    /// The program has seen the message that its fragments make.
    #[inline]
    pub(crate) fn delivered(&mut self) {
        if self.transient.is_some() {
            self.forget_delivered();
        }
    }

    #[inline(never)] // Not in the way of messages of one frame.
    fn forget_delivered(&mut self) {
        let assembler = &mut self.transient_mut().assembler;
        if let Some(delivered) = assembler.take_if(|assembler| !assembler.is_open()) {
            delivered.give_back();
        }
        self.shrink();
    }

    /// Takes the next frame from the front of `input`, as
    /// [`Protocol::decode`](polywire_core::stream::Protocol::decode) does.
    #[inline(always)] // Of each message.
    pub(crate) fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        if self.transient.as_ref().is_some_and(|it| !it.takes_whole_messages()) {
            return self.decode_any(input, cx);
        }
        let Settings { role, max_whole, .. } = *self.settings();
        let Some(whole) = WholeMessage::find(input, role, max_whole) else {
            return self.decode_any(input, cx);
        };
        let message = whole.unmask(input);
        let item = match whole.is_text {
            false => Item::Message(Message::binary(message)),
            true if is_text(message) => Item::Message(Message::new(message, MessageKind::TEXT)),
            true => return Err(ended(role, close::invalid_text(), cx.out)),
        };
        Ok(Decoded { consumed: whole.end, item })
    }

    #[inline(never)] // Not in the way of messages that come in one frame.
    fn decode_any<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let role = self.settings().role;
        let decoded = match &self.transient {
            Some(transient) if transient.streamer.is_some() => self.piece(input, cx),
            _ => self.frame(input, cx),
        };
        decoded.map_err(|end| ended(role, end, cx.out))
    }

    /// The same, where messages are handed out in pieces.
    #[inline(never)]
    fn piece<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, End> {
        let Settings { role, max_message_size, .. } = *self.settings();
        let max_piece = max_message_size.max(1);
        if self.streamer().is_inside_frame() {
            return self.data(|streamer| streamer.go_on(input, max_piece));
        }
        let Some(header) = Header::parse(input, role, || false)? else {
            return Ok(incomplete(input.len() + 1));
        };
        if !header.opcode.is_control() {
            return self.data(|streamer| streamer.begin(&header, input, max_piece));
        }
        let consumed = header.size + header.payload as usize; // At most 125, as `parse` has seen.
        let Some(frame) = input.get_mut(..consumed) else { return Ok(incomplete(consumed)) };
        let payload = &mut frame[header.size..];
        if let Some(key) = header.mask {
            mask::apply(payload, key);
        }
        let item = self.control_frame(header.opcode, payload, cx)?;
        Ok(Decoded { consumed, item })
    }

    /// Takes the next piece of a message, and notes of the first what plain answers go by.
    fn data<'a>(
        &mut self,
        take: impl FnOnce(&mut Streamer) -> Result<Decoded<'a>, End>,
    ) -> Result<Decoded<'a>, End> {
        let decoded = take(self.streamer())?;
        if let (Item::Message(Message { kind, .. }), Some(facts)) =
            (&decoded.item, self.shared.facts())
        {
            kinds::of_message(*kind).into_iter().for_each(|kind| facts.note_received(kind));
        }
        Ok(decoded)
    }

    fn streamer(&mut self) -> &mut Streamer {
        self.transient_mut().streamer.get_or_insert_default()
    }

    /// Does what a Close, a ping or a pong asks for.
    #[inline(never)] // Not in the way of messages.
    fn control_frame(
        &mut self,
        opcode: OpCode,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Item<'static>, End> {
        match opcode {
            OpCode::Close => Err(close::received(payload)),
            OpCode::Ping => {
                frame::write(self.settings().role, OpCode::Pong, payload, cx.out);
                Ok(Item::Answer)
            }
            _ => {
                self.note_pong(payload, cx);
                Ok(Item::Skip)
            }
        }
    }

    fn note_pong(&mut self, payload: &[u8], cx: &Context<'_>) {
        let (Some(facts), Some(transient)) = (self.shared.facts(), &mut self.transient) else {
            return;
        };
        if !transient.pings.is_empty() {
            if let Some(trip) = transient.pings.note_answered(payload, cx.now()) {
                facts.set_round_trip(trip);
            }
            self.shrink();
        }
    }

    #[inline(always)]
    fn frame<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, End> {
        let may_be_compressed = || self.shared.deflate().is_some();
        let Some(header) = Header::parse(input, self.settings().role, may_be_compressed)? else {
            return Ok(incomplete(input.len() + 1));
        };
        let consumed = header.size.saturating_add(self.admit(&header)?);
        let Some(frame) = input.get_mut(..consumed) else { return Ok(incomplete(consumed)) };
        let payload = &mut frame[header.size..];
        let is_whole = header.fin & !header.is_compressed; // One jump for both.
        if matches!(header.opcode, OpCode::Continuation) || !is_whole {
            return self.fragment(&header, payload, consumed);
        }
        if let Some(key) = header.mask {
            mask::apply(payload, key);
        }
        let item = match header.opcode {
            OpCode::Text if !is_text(payload) => {
                return Err(close::invalid_text());
            }
            OpCode::Text => Item::Message(Message::new(payload, MessageKind::TEXT)),
            OpCode::Binary => Item::Message(Message::binary(payload)),
            control => self.control_frame(control, payload, cx)?,
        };
        Ok(Decoded { consumed, item })
    }

    /// Adds a fragment to its message, or all of a compressed one, and hands out the message that it ends.
    fn fragment<'a>(
        &'a mut self,
        header: &Header,
        payload: &mut [u8],
        consumed: usize,
    ) -> Result<Decoded<'a>, End> {
        let is_text = header.opcode == OpCode::Text;
        let (shared, transient) = (&self.shared, Transient::get_or_take(&mut self.transient));
        let contexts = shared.deflate();
        let assembler = transient.assembler.get_or_insert_with(|| {
            Assembler::new(is_text, contexts.filter(|_| header.is_compressed).map(Inflation::new))
        });
        let max = shared.settings.max_message_size;
        assembler.push(payload, header.mask, header.fin, contexts.map(|it| (it, max)))?;
        if !header.fin {
            return Ok(Decoded { consumed, item: Item::Skip });
        }
        let kind = if assembler.is_text() { MessageKind::TEXT } else { MessageKind::BINARY };
        Ok(Decoded { consumed, item: Item::Message(Message::new(assembler.finish(), kind)) })
    }
}

/// Tells the peer why its connection is over, and the program.
#[cold]
fn ended(role: Role, end: End, out: &mut Vec<u8>) -> CloseReason {
    end.write(role, out);
    end.reason
}

/// How long the connection of that number lives, of `most`: up to a tenth less, by a part of its own.
fn lifetime_of(most: Duration, number: usize) -> Duration {
    // Multiples of the golden ratio, without their whole part, lie as evenly as any number of them can.
    let part = (number as u32).wrapping_mul(0x9e37_79b9);
    most - (most / 10).mul_f64(f64::from(part) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    #[test]
    fn the_memory_of_a_fragmented_message_is_given_back_without_another_frame() {
        let settings = Settings {
            role: Role::Client,
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            text: false,
            stop_code: 1001,
            fragments: false,
            max_lifetime: None,
            deflate: None,
            keeps_facts: false,
            plain_below: usize::MAX,
            max_whole: settings::MAX_FRAME_SIZE,
        };
        let mut session = Session::new(Arc::new(Shared::of_many(settings)));
        let mut out = Vec::new();
        let mut cx = Context::new(&mut out);
        let mut input = [0x02, 2, b'a', b'b', 0x80, 1, b'c'];
        let skip = Decoded { consumed: 4, item: Item::Skip };
        assert_eq!(session.decode(&mut input, &mut cx), Ok(skip));
        let message = Decoded { consumed: 3, item: Item::Message(Message::binary(b"abc")) };
        assert_eq!(session.decode(&mut input[4..], &mut cx), Ok(message));
        session.delivered();
        assert!(session.transient.is_none());
        assert!(out.is_empty());
    }
}
