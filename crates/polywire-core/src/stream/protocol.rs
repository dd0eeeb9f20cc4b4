//! Protocols without I/O: bytes in, messages out, and back.

use std::any::{Any, TypeId};
use std::time::Instant;

use bytes::Bytes;

use crate::adapter::Info;
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::message::Message;
use crate::send_status::SendStatus;
use crate::stream::context::Context;
use crate::stream::frame::Frame;

/// The protocol of one connection, as the loop's thread sees it: finds messages in what was read,
/// shakes hands, answers what the protocol itself asks.
///
/// No sockets, no clock, no threads: everything goes through the arguments.
///
/// # Where bytes put into [`Context::out`] go
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
    fn open(&mut self, cx: &mut Context<'_>) -> bool;

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
        cx: &mut Context<'_>,
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
    fn heartbeat(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// The program says something to the protocol itself, by
    /// [`control`](crate::network::NetworkController::control): to answer a handshake, to close with a code,
    /// to ask for a sign of life. `value` is of a type that the adapter's documentation names.
    ///
    /// Called from when the stream is connected until the endpoint ends. What came earlier waits until
    /// then. Default: drops it, which is what to do with a value of an unknown type.
    ///
    /// # Errors
    ///
    /// Ends the endpoint with that reason. The close frame, if there is to be one, lies in `out`; where nothing
    /// does, [`close`](Self::close) is asked for it. The program's own end with a code is a
    /// [`CloseReason::ClosedWith`].
    fn control(
        &mut self,
        value: Box<dyn Any + Send>,
        cx: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        let _ = (value, cx);
        Ok(Progress::Unchanged)
    }

    /// When [`expire`](Self::expire) is to be called; asked after each other call. `None`, the default:
    /// not at all.
    #[inline]
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The [`deadline`](Self::deadline) is over: some milliseconds late at most while the loop is not busy.
    ///
    /// Called from when the stream is connected until the endpoint ends. A deadline that is still over when
    /// this returns is asked for again a millisecond later.
    ///
    /// # Errors
    ///
    /// As for [`control`](Self::control).
    fn expire(&mut self, cx: &mut Context<'_>) -> Result<Progress, CloseReason> {
        let _ = cx;
        Ok(Progress::Unchanged)
    }

    /// The peer ended the stream with `left` bytes undecoded. Returns the reason the endpoint ends
    /// with.
    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match left {
            0 => CloseReason::PeerClosed,
            _ => CloseReason::ProtocolViolation("the stream ended inside a message".into()),
        }
    }

    /// Whether the peer is to end the stream first, after a graceful close by either side: this side then ends its
    /// own once the peer has, or the linger time is over. Default: no.
    fn peer_ends_first(&self) -> bool {
        false
    }

    /// The connection fails with `reason` during the handshake: the protocol's own errors, the end of the stream,
    /// what the stream meets, the end of the handshake's time. Not called for ends by the program, nor before
    /// [`open`](Self::open).
    ///
    /// Returns where to connect instead. The engine then closes the stream, has
    /// [`Engine::with_redirects`](crate::stream::Engine::with_redirects) dial the address, and calls
    /// [`open`](Self::open) once more over the new stream; the program is told nothing. Bound how often.
    /// Without such an address, the default, or where the engine can't dial or has no time left to, the endpoint fails
    /// with `reason`, in whose place a better one may be put. Unless it answers with an address, `close` may be called next.
    fn open_failed(&mut self, reason: &mut CloseReason) -> Option<RemoteAddr> {
        let _ = reason;
        None
    }

    /// This side ends the connection for `reason`; the close frame goes to `out`.
    ///
    /// Called at most once, and not after an error of another method that has left something in `out`, nor
    /// after one of [`decode`](Self::decode).
    fn close(&mut self, reason: &CloseReason, cx: &mut Context<'_>) {
        let _ = (reason, cx);
    }

    /// What goes out last when an error of [`decode`](Self::decode), [`control`](Self::control) or
    /// [`expire`](Self::expire) ends the connection, behind what that has put into `out`: a long body, which is
    /// not copied, so that many connections may share it. Called once then. Default: nothing.
    fn last_words(&mut self) -> Bytes {
        Bytes::new()
    }
}

/// What [`Protocol::decode`] found, and how many bytes at the front of its input that was.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Bytes to be dropped from the front of the input; 0 for [`Item::Incomplete`]. For
    /// an [`Item::Message`] it may be 0 as well, if the message is one that the protocol has kept.
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
    Message(Message<'a>),
}

/// How far a protocol is after a call that took nothing from the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// As far as before.
    Unchanged,
    /// The handshake is done: the endpoint is ready, as after [`Item::Ready`].
    Ready,
}

/// Frames the messages of the program. Shared by all threads that send; no I/O.
pub trait Encoder: Send + Sync + 'static {
    /// Whether the frames depend on each other, as by a sequence number or by compression with a shared
    /// dictionary.
    ///
    /// If true, [`encode`](Self::encode) is called once for each message, by one thread at a time, in the
    /// order in which the frames are sent. The connection's lock is held meanwhile: other threads that send
    /// wait. If false, the default, it is called on the threads that send, by several at the same time and
    /// in any order, so that no frame may depend on another one.
    ///
    /// Asked for each message. It may change while the connection opens, but not once messages flow.
    #[inline(always)]
    fn is_ordered(&self) -> bool {
        false
    }

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
    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        (message.bytes.len() > self.max_message_size()).then_some(SendStatus::MaxPacketSizeExceeded)
    }

    /// Whether frames hold the message changed, as by a mask: it is then copied at once. Default: only if
    /// the encoder [is ordered](Self::is_ordered), of which it must be true.
    #[inline(always)]
    fn changes_messages(&self) -> bool {
        self.is_ordered()
    }

    /// Puts the frame of `message` together. Must not send, nor wait: the connection's lock may be held.
    ///
    /// May be called twice for one message, unless it [changes messages](Self::changes_messages): once to see
    /// whether it is to be copied.
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>);

    /// A number that all encoders of this type share which make the same frame of the same message: by
    /// [`send_to_each`](crate::network::NetworkController::send_to_each) such a frame is made once for all
    /// of them, and the first of them is asked whether it [refuses](Self::refuse) the message; of the others only
    /// [`max_message_size`](Self::max_message_size) may differ. `None`, the default, if each frame is one connection's own, as those of an encoder that
    /// [is ordered](Self::is_ordered) are.
    fn framing(&self) -> Option<u64> {
        None
    }

    /// What is known of the connection as a value of that type, for
    /// [`info`](crate::network::NetworkController::info). May be called on any thread. Default: nothing.
    fn info(&self, type_id: TypeId) -> Option<Info> {
        let _ = type_id;
        None
    }
}
