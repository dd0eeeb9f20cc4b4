//! The one code that reads and writes a stream.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::adapter::{Closing, Flow, Io, Opening, Received, Registration, Remote, Sender, Sink};
use crate::announcer::Announcer;
use crate::close_reason::CloseReason;
use crate::limits::{Limits, WhenFull};
use crate::network::SendStatus;
use crate::stream::inbox::Inbox;
use crate::stream::outbox::Outbox;
use crate::stream::{Decoded, Item, Protocol, Stream};

/// Gives the next socket to connect by, begun to connect, or `None` if no address is left.
type Fallback<S> = Box<dyn FnMut() -> Option<io::Result<S>> + Send>;

/// Bytes of a peer that are read after the end, so that its own end is seen.
const MUCH: usize = 1 << 20;
/// The same when the node is stopped: more than the system's buffers of both sides hold.
const MUCH_AT_STOP: usize = 16 << 20;
/// Bytes after the end by which a peer shows that it is not about to end.
const TALKATIVE: usize = 64 << 10;

/// A connection made of a [`Stream`] and a [`Protocol`].
///
/// Reads into the loop's buffer and hands out messages as slices of it; only the front of a frame
/// that a read cut is copied. Writes a message straight from the caller's slice while the socket
/// takes it; what it does not take waits in the connection's outbox.
pub struct Engine<S, P> {
    socket: Arc<S>,
    protocol: P,
    limits: Limits,
    stage: Stage,
    inbox: Inbox,
    outbox: Arc<Outbox<S>>,
    fallback: Option<Fallback<S>>,
    /// Bytes of the inbox as the node's sum has them, and where that is.
    counted: Option<(usize, Announcer)>,
    /// Bytes read after the end.
    discarded: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// The stream is up, the protocol has not begun.
    Connected,
    Handshaking,
    Open,
    /// The protocol has said its last words, or may not say any.
    Finished,
    /// The sending side of the stream is shut down as well.
    ShutDown,
}

/// Where decoding stopped.
enum Stop {
    /// For want of bytes: so many are needed from the front.
    Needs(usize),
    /// The program wants nothing more.
    Sink,
    /// The handshake is done.
    Ready,
}

impl<S: Stream, P: Protocol> Engine<S, P> {
    /// A connection whose `socket` has begun to connect.
    pub fn connecting(socket: S, protocol: P, limits: Limits) -> Self {
        Self::new(socket, protocol, limits, Stage::Connecting)
    }

    /// A connection just accepted.
    pub fn accepted(socket: S, protocol: P, limits: Limits) -> Self {
        Self::new(socket, protocol, limits, Stage::Connected)
    }

    fn new(socket: S, protocol: P, mut limits: Limits, stage: Stage) -> Self {
        limits.when_full.get_or_insert(match stage {
            Stage::Connecting => WhenFull::Wait,
            _ => WhenFull::Disconnect,
        });
        let outbox = Arc::new(Outbox::new(protocol.encoder(), &limits));
        let (socket, inbox) = (Arc::new(socket), Inbox::default());
        let (fallback, counted, discarded) = (None, None, 0);
        Self { socket, protocol, limits, stage, inbox, outbox, fallback, counted, discarded }
    }

    /// Where to turn when connecting fails: `next` gives another socket that has begun to connect,
    /// until `None`. Called on the loop's thread; must not wait.
    #[must_use]
    pub fn with_fallback(
        mut self,
        next: impl FnMut() -> Option<io::Result<S>> + Send + 'static,
    ) -> Self {
        self.fallback = Some(Box::new(next));
        self
    }

    fn go_on_connecting(&mut self, io: &Io<'_>) -> Result<bool, CloseReason> {
        loop {
            let error = match self.socket.connected() {
                Ok(connected) => return Ok(connected),
                Err(error) => error,
            };
            self.next_socket(&io.registration, error)?;
        }
    }

    /// Puts the next socket in the place of the one that failed with `error`.
    fn next_socket(
        &mut self,
        registration: &Registration<'_>,
        mut error: io::Error,
    ) -> Result<(), CloseReason> {
        while let Some(next) = self.fallback.as_mut().and_then(|next| next()) {
            match next {
                Ok(mut socket) => {
                    socket.register(registration).map_err(|error| CloseReason::from(&error))?;
                    self.socket = Arc::new(socket);
                    return Ok(());
                }
                Err(next_error) => error = next_error,
            }
        }
        Err(match CloseReason::from(&error) {
            CloseReason::TimedOut => CloseReason::ConnectTimeout,
            reason => reason,
        })
    }

    fn start_protocol(&mut self) -> Result<Opening, CloseReason> {
        self.fallback = None;
        let mut out = Vec::new();
        let ready = self.protocol.open(&mut out);
        self.stage = Stage::Handshaking;
        self.outbox.push(out);
        self.outbox.flush_to(&self.socket)?;
        if ready { self.become_ready() } else { Ok(Opening::Handshaking) }
    }

    fn become_ready(&mut self) -> Result<Opening, CloseReason> {
        self.stage = Stage::Open;
        // A failed write shows when the stream is read, behind what the peer still sent.
        let _ = self.outbox.open(Arc::clone(&self.socket));
        Ok(Opening::Ready)
    }

    fn shake_hands(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        self.outbox.flush_to(&self.socket)?;
        match self.read(io, &mut Nobody)? {
            Stop::Ready => self.become_ready(),
            Stop::Needs(_) | Stop::Sink => Ok(Opening::Handshaking),
        }
    }

    fn try_open(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        if self.stage == Stage::Connecting {
            if !self.go_on_connecting(io)? {
                return Ok(Opening::Connecting);
            }
            self.stage = Stage::Connected;
        }
        if self.stage == Stage::Connected {
            let opening = self.start_protocol()?;
            if opening == Opening::Ready {
                return Ok(opening);
            }
        }
        self.shake_hands(io)
    }

    /// Reads and decodes until the stream is drained, the budget is used up, or decoding stops for
    /// another reason than want of bytes.
    fn read(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Result<Stop, CloseReason> {
        if self.inbox.is_decodable() {
            let stop = self.decode_inbox(sink)?;
            if !matches!(stop, Stop::Needs(_)) {
                return Ok(stop);
            }
        }
        loop {
            let len = match read_some(&*self.socket, io.buffer) {
                Ok(0) => return Err(self.end_of_stream()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Stop::Needs(0));
                }
                Err(error) => return Err(CloseReason::from(&error)),
            };
            io.budget = io.budget.saturating_sub(len);
            let stop = self.decode_chunk(&mut io.buffer[..len], sink)?;
            self.count_inbox()?;
            let drained = S::SHORT_READ_DRAINS && len < io.buffer.len() && !io.readiness.ended;
            if drained || !matches!(stop, Stop::Needs(_)) {
                return Ok(stop);
            }
            if io.budget == 0 {
                return Ok(Stop::Sink);
            }
        }
    }

    /// Has the node's sum know how much of a message waits for its rest.
    fn count_inbox(&mut self) -> Result<(), CloseReason> {
        let Some((counted, announcer)) = &mut self.counted else { return Ok(()) };
        let len = self.inbox.len() + self.protocol.half_received().unwrap_or(0);
        if len > *counted && !announcer.budget().has_room(len - *counted) {
            return Err(CloseReason::NodeMemory);
        }
        announcer.budget().change_half_received(*counted, len);
        *counted = len;
        Ok(())
    }

    fn forget_count(&mut self) {
        if let Some((counted, announcer)) = self.counted.take() {
            announcer.budget().change_half_received(counted, 0);
        }
    }

    /// Decodes what was just read, behind what a read before has left.
    fn decode_chunk(
        &mut self,
        mut chunk: &mut [u8],
        sink: &mut dyn Sink,
    ) -> Result<Stop, CloseReason> {
        while !self.inbox.is_empty() {
            chunk = self.inbox.fill(chunk);
            if !self.inbox.is_decodable() {
                return Ok(Stop::Needs(0));
            }
            let stop = self.decode_inbox_before(!chunk.is_empty(), sink)?;
            if !matches!(stop, Stop::Needs(_)) {
                self.inbox.put(chunk, 0);
                return Ok(stop);
            }
        }
        let (consumed, stop) = self.decode(chunk, false, sink)?;
        let needed = stop.needed();
        self.inbox.put(&chunk[consumed..], needed);
        Ok(stop)
    }

    fn decode_inbox(&mut self, sink: &mut dyn Sink) -> Result<Stop, CloseReason> {
        self.decode_inbox_before(false, sink)
    }

    fn decode_inbox_before(
        &mut self,
        more_behind: bool,
        sink: &mut dyn Sink,
    ) -> Result<Stop, CloseReason> {
        let mut bytes = self.inbox.take();
        let (consumed, stop) = self.decode(&mut bytes, more_behind, sink)?;
        self.inbox.put_back(bytes, consumed, stop.needed());
        Ok(stop)
    }

    /// Takes things from the front of `input`, and tells how many bytes they were.
    fn decode(
        &mut self,
        input: &mut [u8],
        more_behind: bool,
        sink: &mut dyn Sink,
    ) -> Result<(usize, Stop), CloseReason> {
        let mut out = Vec::new();
        let mut position = 0;
        let result = loop {
            let rest = &mut input[position..];
            if rest.is_empty() {
                break Ok((position, Stop::Needs(0)));
            }
            let len = rest.len();
            let Decoded { consumed, item } = match self.protocol.decode(rest, &mut out) {
                Ok(decoded) => decoded,
                Err(reason) => break Err(reason),
            };
            debug_assert!(consumed <= len);
            position += consumed;
            match item {
                Item::Incomplete { needed } => {
                    break Ok((position, Stop::Needs(needed.max(len + 1))));
                }
                Item::Skip => {}
                Item::Ready => break Ok((position, Stop::Ready)),
                Item::Message(message) => {
                    let more = more_behind || consumed < len;
                    if sink.message(message, more) == Flow::Stop {
                        break Ok((position, Stop::Sink));
                    }
                }
            }
        };
        self.outbox.push(out);
        result
    }

    fn end_of_stream(&mut self) -> CloseReason {
        // A write may have met the reset before the read did, and taken the error with it.
        match self.outbox.failure() {
            Some(failure) => failure,
            None => self.protocol.end_of_stream(self.inbox.len()),
        }
    }

    /// Reads and throws away, until the peer has nothing more to say.
    ///
    /// One that says much is not about to end. After a removal it is left to fill the system's
    /// buffers, and then waits until the linger time is over. A node that was stopped closes it as
    /// soon as nothing of it is unread: no reset goes out then, and the system delivers what was
    /// written before.
    fn discard(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        let is_stopped = *reason == CloseReason::NodeStopped;
        let limit = if is_stopped { MUCH_AT_STOP } else { MUCH };
        while self.discarded < limit {
            match read_some(&*self.socket, io.buffer) {
                Ok(0) => return Closing::Done,
                Ok(len) => self.discarded += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let goes_on = is_stopped && self.discarded >= TALKATIVE;
                    return if goes_on { Closing::Done } else { Closing::AwaitingPeer };
                }
                Err(_) => return Closing::Done,
            }
        }
        if is_stopped { Closing::Done } else { Closing::AwaitingPeer }
    }

    fn say_goodbye(&mut self, reason: &CloseReason) {
        let may_speak = matches!(self.stage, Stage::Open | Stage::Handshaking)
            && !matches!(
                reason,
                CloseReason::PeerClosed
                    | CloseReason::PeerClosedWith { .. }
                    | CloseReason::Reset
                    | CloseReason::TimedOut
                    | CloseReason::ProtocolViolation(_)
                    | CloseReason::MessageTooLarge { .. }
                    | CloseReason::HandshakeRefused(_)
                    | CloseReason::OutboxLimit { .. }
                    | CloseReason::NodeMemory
                    | CloseReason::Stalled
                    | CloseReason::Io(..)
            );
        if may_speak {
            let mut out = Vec::new();
            self.protocol.close(reason, &mut out);
            self.outbox.push(out);
        }
    }
}

impl<S: Stream, P: Protocol> Remote for Engine<S, P> {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(OutboxSender(Arc::clone(&self.outbox)))
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.outbox.set_announcer(registration.announcer());
        self.forget_count();
        self.counted = Some((0, registration.announcer()));
        let is_open = self.stage == Stage::Open;
        sole(&mut self.socket)?.register(registration)?;
        if is_open {
            let _ = self.outbox.open(Arc::clone(&self.socket));
        }
        Ok(())
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.outbox.close();
        sole(&mut self.socket)?.deregister(registration)
    }

    fn open(&mut self, io: &mut Io<'_>) -> Opening {
        self.try_open(io).unwrap_or_else(Opening::Failed)
    }

    fn next_address(&mut self, registration: &Registration<'_>) -> bool {
        let timed_out = || io::ErrorKind::TimedOut.into();
        self.stage == Stage::Connecting && self.next_socket(registration, timed_out()).is_ok()
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        match self.read(io, sink) {
            Ok(Stop::Needs(_)) => match self.outbox.failure() {
                Some(failure) => Received::Ended(failure),
                None => Received::Drained,
            },
            Ok(Stop::Sink | Stop::Ready) => Received::Unfinished,
            Err(reason) => Received::Ended(reason),
        }
    }

    fn is_inside_message(&self) -> bool {
        !self.inbox.is_empty() || self.protocol.half_received().is_some()
    }

    fn heartbeat(&mut self) {
        let mut out = Vec::new();
        self.protocol.heartbeat(&mut out);
        self.outbox.push(out);
    }

    fn flush(&mut self) -> Result<(), CloseReason> {
        match self.outbox.flush() {
            Err(
                reason @ (CloseReason::OutboxLimit { .. }
                | CloseReason::NodeMemory
                | CloseReason::Stalled),
            ) => Err(reason),
            Err(_) => {
                // The peer may have said more before it went: the read side tells the end.
                self.outbox.tell_reader();
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        if matches!(self.stage, Stage::Connecting | Stage::Connected) {
            return Closing::Done;
        }
        if !matches!(self.stage, Stage::Finished | Stage::ShutDown) {
            self.outbox.forget_unless_open();
            self.say_goodbye(reason);
            self.stage = Stage::Finished;
            self.inbox = Inbox::default();
            self.forget_count();
        }
        if self.stage == Stage::Finished {
            if self.outbox.flush_to(&self.socket).is_err() {
                return Closing::Done;
            }
            if !self.outbox.is_drained() {
                // A peer that only reads once it is read would wait for ever otherwise.
                let _ = self.discard(io, reason);
                return Closing::Flushing;
            }
            self.stage = Stage::ShutDown;
            if self.socket.shutdown_write().is_err() {
                return Closing::Done;
            }
        }
        self.discard(io, reason)
    }
}

/// The half of an [`Engine`] that any thread sends through.
struct OutboxSender<S>(Arc<Outbox<S>>);

impl<S: Stream> Sender for OutboxSender<S> {
    fn send(&self, _to: std::net::SocketAddr, message: &[u8]) -> SendStatus {
        self.0.send(message, true)
    }

    fn try_send(&self, _to: std::net::SocketAddr, message: &[u8]) -> SendStatus {
        self.0.send(message, false)
    }

    fn queued(&self) -> usize {
        self.0.queued()
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        self.0.when_writable(tell);
    }

    fn flush(&self) {
        // A failure reaches the loop by itself.
        let _ = self.0.flush();
    }

    fn end(&self) {
        self.0.end();
    }
}

/// Takes no messages: during the handshake there are none.
struct Nobody;

impl Sink for Nobody {
    fn message(&mut self, _message: &[u8], _more: bool) -> Flow {
        debug_assert!(false, "a message before the handshake was done");
        Flow::Stop
    }
}

impl Stop {
    fn needed(&self) -> usize {
        match self {
            Self::Needs(needed) => *needed,
            Self::Sink | Self::Ready => 0,
        }
    }
}

fn read_some(socket: &impl Stream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The socket, while nobody else holds it: senders only do once messages may flow.
fn sole<S>(socket: &mut Arc<S>) -> io::Result<&mut S> {
    Arc::get_mut(socket).ok_or_else(|| io::Error::other("the socket is in use by a sender"))
}

impl<S, P> Drop for Engine<S, P> {
    fn drop(&mut self) {
        if let Some((counted, announcer)) = self.counted.take() {
            announcer.budget().change_half_received(counted, 0);
        }
    }
}

impl<S, P> fmt::Debug for Engine<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}
