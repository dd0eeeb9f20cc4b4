//! Reading a stream and finding messages in it.

#[cfg(test)]
mod tests;

use std::io;

use crate::adapter::{Flow, Io, Sink};
use crate::clock::Clock;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::stream::engine::Engine;
use crate::stream::engine::stop::Stop;
use crate::stream::engine::transient::opening_stream;
use crate::stream::socket::read_some;
use crate::stream::{Context, Decoded, Item, Protocol, Stream, misuse};

/// What a message costs of the read budget at least, in bytes: each is a call of the program, however
/// short. The default budget takes 4,096.
const MIN_COST_BYTES: usize = 256;
/// The same of the connection's share of one turn, which is smaller the more are ready.
const MIN_SHARE_COST_BYTES: usize = 64;

/// What a read that brings little, of a stream over another one, costs of the messages that a turn may bring: TLS may
/// have opened thousands of tiny records for it.
const POOR_READ_COST: usize = 1000;

/// The fault of a protocol that takes nothing, or more than there is.
const MISCOUNTED: &str = "`Protocol::decode` consumes what it takes, no more than there is, and nothing of \
                          what is incomplete";

/// One turn's reading.
struct Round<'a> {
    sink: &'a mut dyn Sink,
    /// Messages and the like that it may still bring.
    items_left: usize,
    /// Bytes by which the budget may be extended, once.
    extension: usize,
    /// It is now: what is left of the budget is not that of the caller's.
    is_extended: bool,
    id: ResourceId,
    clock: &'a Clock,
}

impl Round<'_> {
    /// A read of `len` bytes had room for `room`.
    #[inline(always)]
    fn note_read<S: Stream>(&mut self, len: usize, room: usize) {
        if !S::SHORT_READ_DRAINS && len < room / 2 {
            self.items_left = self.items_left.saturating_sub(POOR_READ_COST);
        }
    }
}

/// What came of a read of the rest of a long frame.
enum Long {
    /// There may be more to read.
    Goes,
    Stops(Stop),
}

impl<S: Stream, P: Protocol> Engine<S, P> {
    /// Reads and decodes until the stream is drained, the budget is used up, or decoding stops for
    /// another reason than want of bytes.
    #[inline(always)]
    pub(super) fn read(
        &mut self,
        io: &mut Io<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Stop, CloseReason> {
        let items = self.outbox.limits().read_budget / MIN_COST_BYTES;
        let items_left = items.min(io.budget / MIN_SHARE_COST_BYTES).max(1);
        let extension = self.outbox.limits().read_budget;
        let (id, clock) = (io.registration.id, io.registration.clock());
        let mut round = Round { sink, items_left, extension, is_extended: false, id, clock };
        let result = self.read_on(io, &mut round);
        if round.is_extended {
            io.budget = 0;
        }
        result
    }

    #[inline(always)]
    fn read_on(&mut self, io: &mut Io<'_>, round: &mut Round<'_>) -> Result<Stop, CloseReason> {
        if self.transient.as_ref().is_some_and(|transient| transient.inbox.is_decodable()) {
            let stop = self.decode_inbox(false, round)?;
            if !matches!(stop, Stop::Needs(_)) {
                return Ok(stop);
            }
        }
        loop {
            if self.has_inbox() {
                match self.read_long(io, round)? {
                    Some(Long::Goes) => continue,
                    Some(Long::Stops(stop)) => return Ok(stop),
                    None => {}
                }
            }
            let room = io.budget.clamp(1, io.buffer.len());
            let socket = match self.socket() {
                Ok(socket) => socket,
                Err(error) => return Err(self.failed_read(&error)),
            };
            // Not in a closure: that may be a function of its own, which returns behind the system call.
            let len = match read_some(socket, &mut io.buffer[..room]) {
                Ok(0) => return Err(self.end_of_stream()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Stop::Needs(0));
                }
                Err(error) => return Err(self.failed_read(&error)),
            };
            let drained = self.is_drained_by(len, room);
            io.budget = io.budget.saturating_sub(len);
            let stop = self.decode_chunk(&mut io.buffer[..len], round)?;
            round.note_read::<S>(len, room);
            let drained = drained && !io.readiness.ended;
            if drained || !matches!(stop, Stop::Needs(_)) {
                return Ok(stop);
            }
            self.extend_budget(io, round);
            if io.budget == 0 || round.items_left == 0 {
                return Ok(Stop::Sink);
            }
        }
    }

    /// Whether a read of `len` bytes with room for `room` has drained the stream.
    #[inline(always)]
    fn is_drained_by(&self, len: usize, room: usize) -> bool {
        match S::SHORT_READ_DRAINS {
            true => len < room,
            false => self.socket().is_ok_and(|socket| socket.drained_by(len, room)),
        }
    }

    /// The frame that a share ends in is read on, as far as the connection's own budget goes: to cut it
    /// costs more than to read it.
    #[inline]
    fn extend_budget(&self, io: &mut Io<'_>, round: &mut Round<'_>) {
        if let Some(transient) = self.transient.as_ref().filter(|_| io.budget == 0) {
            io.budget = transient.inbox.missing().min(std::mem::take(&mut round.extension));
            round.is_extended = true;
        }
    }

    /// Reads the rest of a long frame straight to where it belongs, if there is one.
    #[inline(never)]
    fn read_long(
        &mut self,
        io: &mut Io<'_>,
        round: &mut Round<'_>,
    ) -> Result<Option<Long>, CloseReason> {
        let Self { outbox, transient, .. } = self;
        let (Some(transient), Some(socket)) = (transient, outbox.socket()) else { return Ok(None) };
        let Some(unread) = transient.inbox.unread(io.budget.max(1)) else { return Ok(None) };
        let room = unread.len();
        let (len, drained) = match read_some(socket, unread) {
            Ok(0) => return Err(self.end_of_stream()),
            Ok(len) => {
                let drained = match S::SHORT_READ_DRAINS {
                    true => len < room,
                    false => socket.drained_by(len, room),
                };
                (len, drained && !io.readiness.ended)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Some(Long::Stops(Stop::Needs(0))));
            }
            Err(error) => return Err(self.failed_read(&error)),
        };
        transient.inbox.note_read(len);
        io.budget = io.budget.saturating_sub(len);
        let is_whole = transient.inbox.is_decodable();
        let stop = if is_whole { self.decode_inbox(false, round)? } else { Stop::Needs(0) };
        round.note_read::<S>(len, room);
        Ok(Some(if drained || !matches!(stop, Stop::Needs(_)) {
            Long::Stops(stop)
        } else if io.budget == 0 || round.items_left == 0 {
            Long::Stops(Stop::Sink)
        } else {
            Long::Goes
        }))
    }

    /// Decodes what was just read, behind what a read before has left.
    #[inline(always)]
    fn decode_chunk(
        &mut self,
        mut chunk: &mut [u8],
        round: &mut Round<'_>,
    ) -> Result<Stop, CloseReason> {
        let was_cut = self.has_inbox();
        while self.has_inbox() {
            let inbox = &mut self.transient_mut().inbox;
            chunk = inbox.fill(chunk);
            if !inbox.is_decodable() {
                return Ok(Stop::Needs(0));
            }
            let stop = self.decode_inbox(!chunk.is_empty(), round)?;
            if !matches!(stop, Stop::Needs(_)) {
                self.keep(chunk, 0);
                return Ok(stop);
            }
        }
        let (consumed, stop) = self.decode(chunk, false, round)?;
        self.keep(&chunk[consumed..], stop.needed());
        if !was_cut && self.transient.is_some() {
            self.shrink(); // One whose frames are cut again and again keeps it.
        }
        Ok(stop)
    }

    fn keep(&mut self, rest: &[u8], needed: usize) {
        if !rest.is_empty() {
            self.transient_mut().inbox.put(rest, needed);
        }
    }

    fn decode_inbox(
        &mut self,
        more_behind: bool,
        round: &mut Round<'_>,
    ) -> Result<Stop, CloseReason> {
        let (mut bytes, len) = self.transient_mut().inbox.take();
        let (consumed, stop) = self.decode(&mut bytes[..len], more_behind, round)?;
        self.transient_mut().inbox.put_back((bytes, len), consumed, stop.needed());
        Ok(stop)
    }

    /// Takes things from the front of `input`, and tells how many bytes they were.
    #[inline(always)]
    fn decode(
        &mut self,
        input: &mut [u8],
        more_behind: bool,
        round: &mut Round<'_>,
    ) -> Result<(usize, Stop), CloseReason> {
        let (mut out, mut taken) = (Vec::new(), 0);
        let stream = opening_stream(self.transient.as_deref());
        let mut cx = Context::of_loop(&mut out, round.id, round.clock).over(stream);
        let result = loop {
            let rest = &mut input[taken..];
            let len = rest.len();
            match round.items_left {
                _ if len == 0 => break Ok((taken, Stop::Needs(0))),
                0 => break Ok((taken, Stop::Sink)),
                _ => round.items_left -= 1,
            }
            let Decoded { consumed, item } = match self.protocol.decode(rest, &mut cx) {
                Ok(decoded) => decoded,
                Err(reason) => break Err(self.silenced(reason, std::mem::take(cx.out))),
            };
            if consumed > len {
                break Err(misuse::<P>(MISCOUNTED));
            }
            taken += consumed;
            match item {
                Item::Incomplete { .. } if consumed > 0 => break Err(misuse::<P>(MISCOUNTED)),
                Item::Skip | Item::Answer if consumed == 0 => break Err(misuse::<P>(MISCOUNTED)),
                Item::Incomplete { needed } => break Ok((taken, Stop::Needs(needed.max(len + 1)))),
                Item::Skip if cx.out.is_empty() => {}
                // Not with an answer behind it, which a later one may replace.
                Item::Skip => self.outbox.push(std::mem::take(cx.out)),
                Item::Answer => self.outbox.push_answer(std::mem::take(cx.out)),
                Item::Ready => break Ok((taken, Stop::Ready)),
                Item::Message(message) => {
                    if !cx.out.is_empty() {
                        self.outbox.push(std::mem::take(cx.out)); // Before the program's answers.
                    }
                    let flow = round.sink.message(message, more_behind || consumed < len);
                    self.protocol.delivered();
                    if flow == Flow::Stop {
                        break Ok((taken, Stop::Sink));
                    }
                }
            }
        };
        self.outbox.push(out);
        result
    }

    /// The protocol has ended the connection, with its close frame in `out`.
    #[cold]
    fn silenced(&mut self, reason: CloseReason, out: Vec<u8>) -> CloseReason {
        self.transient_mut().is_silent = true;
        self.push_close_frame(out);
        reason
    }

    /// What a write met before is why the read fails: a layer takes a stream that was reset for a truncated one.
    #[cold]
    fn failed_read(&self, error: &io::Error) -> CloseReason {
        self.outbox.failure().unwrap_or_else(|| CloseReason::from(error))
    }

    fn end_of_stream(&mut self) -> CloseReason {
        // A write may have met the reset before the read did, and taken the error with it.
        match self.outbox.failure() {
            Some(failure) => failure,
            None => {
                let left = self.transient.as_ref().map_or(0, |transient| transient.inbox.len());
                self.protocol.end_of_stream(left)
            }
        }
    }
}
