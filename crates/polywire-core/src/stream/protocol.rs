//! Protocols without I/O: bytes in, messages out, and back.

use crate::close_reason::CloseReason;
use crate::send_status::SendStatus;

/// The protocol of one connection, as the loop's thread sees it: finds messages in what was read,
/// shakes hands, answers what the protocol itself asks.
///
/// No sockets, no clock, no threads: everything goes through the arguments.
///
/// # Where bytes put into `out` go
///
/// They are queued when the call returns, in the order of the calls, never inside a message of the
/// program, and also when the call returns an error: a protocol's last words go there.
///
/// * Until the protocol is ready, those of the call that makes it ready included: before all messages of
///   the program, which wait until then.
/// * From then on: behind the messages that were sent before, by any thread, and before those that
///   are sent later. So what [`decode`](Self::decode) puts there goes behind what the callback sent
///   about earlier messages, even those of the same read; with an [`Item::Message`] it goes before
///   what the callback sends about that message.
/// * An [`Item::Answer`] may go later, or not at all, while the peer does not read.
/// * Those of [`close`](Self::close) go last.
pub trait Protocol: Send + 'static {
    /// The part that frames the messages of the program.
    type Encoder: Encoder;

    /// Makes that part. Called once, before everything else.
    fn encoder(&self) -> Self::Encoder;

    /// Called once when the stream is connected.
    ///
    /// Returns whether messages may flow at once. If not, [`decode`](Self::decode) must return
    /// [`Item::Ready`] when the handshake is done; until then no message may come from it, and no
    /// message of the program is sent.
    fn open(&mut self, out: &mut Vec<u8>) -> bool;

    /// Takes the next thing from the front of `input`.
    ///
    /// `input` holds everything received and not yet consumed; it is called again with the rest
    /// until it returns [`Item::Incomplete`]. It may be changed in place, but not the bytes that
    /// are left unconsumed. It is never called with an empty input. What a result causes is told at
    /// [`Item`].
    ///
    /// # Errors
    ///
    /// Ends the endpoint with that reason; [`CloseReason::PeerClosed`] or
    /// [`CloseReason::PeerClosedWith`] for the peer's own graceful close. Memory set aside must be
    /// bounded by what has been received, never by a length that the peer wrote.
    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason>;

    /// The message that `decode` handed out has been delivered: memory that was kept for it goes.
    ///
    /// Called after the program's callback has returned, before anything else. Default: nothing,
    /// which suits a protocol whose messages are slices of its input.
    #[inline]
    fn delivered(&mut self) {}

    /// The bytes kept of a message of which a part was consumed already: fragments. `None`, the
    /// default, if there is none such.
    fn half_received(&self) -> Option<usize> {
        None
    }

    /// Asks the peer for a sign of life, by bytes put into `out` that it has to answer.
    ///
    /// Called after each [`Limits::heartbeat`](crate::Limits) without anything received. Default:
    /// nothing, for protocols that have no such thing.
    fn heartbeat(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// The peer ended the stream with `left` bytes undecoded. Returns the reason the endpoint ends
    /// with.
    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match left {
            0 => CloseReason::PeerClosed,
            _ => CloseReason::ProtocolViolation("the stream ended inside a message".into()),
        }
    }

    /// This side ends the connection for `reason`; `out` takes the protocol's close frame.
    ///
    /// Called at most once, and not after an error of `decode`.
    fn close(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        let _ = (reason, out);
    }
}

/// What [`Protocol::decode`] found, and how many bytes at the front of its input that was.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Bytes to be dropped from the front of the input; 0 exactly for [`Item::Incomplete`].
    pub consumed: usize,
    /// What they were.
    pub item: Item<'a>,
}

/// One thing found in a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Nothing whole yet. `decode` is called again once at least `needed` bytes are there in all;
    /// a number not above the input's length counts as one more byte.
    Incomplete {
        /// Bytes from the front of the input that the next thing takes, as far as is known.
        needed: usize,
    },
    /// Something of the protocol's own, dealt with. What was put into `out` is never replaced.
    Skip,
    /// The same, and what was put into `out` answers it, such as a pong. While a peer does not read,
    /// some 4 KiB of answers wait at most: then the latest replaces the one before it.
    Answer,
    /// The handshake is done: the endpoint is ready.
    Ready,
    /// A whole message for the program.
    Message(&'a [u8]),
}

/// Frames the messages of the program. Shared by all threads that send; no I/O.
///
/// It must not depend on the messages before: see [`encode`](Self::encode).
pub trait Encoder: Send + Sync + 'static {
    /// Bytes a message may have at most; a longer one is refused with
    /// [`SendStatus::MaxPacketSizeExceeded`](crate::send_status::SendStatus) before anything is sent.
    fn max_message_size(&self) -> usize {
        usize::MAX
    }

    /// What `send` answers to a message that the protocol can't carry, before anything is sent; `None` if it
    /// can. Default: [`SendStatus::MaxPacketSizeExceeded`] above
    /// [`max_message_size`](Self::max_message_size). A protocol with more rules answers
    /// [`SendStatus::InvalidMessage`] as well.
    #[inline(always)]
    fn refuse(&self, message: &[u8]) -> Option<SendStatus> {
        (message.len() > self.max_message_size()).then_some(SendStatus::MaxPacketSizeExceeded)
    }

    /// The bytes that go before `message`, if the frame is just these followed by the message as
    /// it is: the engine then sends both without copying the message. `None`, the default, if the
    /// message itself changes on the way. It must agree with [`encode`](Self::encode), which is called
    /// where messages are put together: one that does not ends its connection with
    /// [`CloseReason::AdapterFault`].
    fn prefix(&self, message: &[u8]) -> Option<Prefix> {
        let _ = message;
        None
    }

    /// Appends the whole frame of `message` to `out`, which may hold other frames already.
    ///
    /// Called on the thread that sends. Calls for one connection may come from several threads at
    /// the same time, and the order of the calls is not the order in which the frames are sent: no
    /// frame may depend on another one, such as by a sequence number or by compression with a shared
    /// dictionary. The same holds for [`prefix`](Self::prefix).
    fn encode(&self, message: &[u8], out: &mut Vec<u8>);
}

/// The bytes before a message: at most 16, on the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    bytes: [u8; Self::CAPACITY],
    len: u8,
}

impl Prefix {
    /// Bytes a prefix can have.
    pub const CAPACITY: usize = 16;

    /// A prefix of `bytes`, or `None` if they are more than [`CAPACITY`](Self::CAPACITY).
    #[inline]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut prefix = Self::default();
        prefix.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        prefix.len = u8::try_from(bytes.len()).ok()?;
        Some(prefix)
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}
