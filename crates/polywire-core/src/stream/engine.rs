//! The one code that reads and writes a stream.

mod ending;
#[cfg(test)]
mod fixture;
mod reading;
mod stop;
mod transient;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::adapter::{Closing, Flow, Io, Opening, Received, Registration, Remote, Sender, Sink};
use crate::close_reason::CloseReason;
use crate::limits::{Limits, WhenFull};
use crate::notifier::Notifier;
use crate::send_status::SendStatus;
use crate::stream::outbox::Outbox;
use crate::stream::{Encoder, Protocol, Stream};

use stop::Stop;
use transient::{Phase, Transient};

/// A connection made of a [`Stream`] and a [`Protocol`].
///
/// Reads into the loop's buffer and hands out messages as slices of it; only the front of a frame
/// that a read cut is copied. Writes a message straight from the caller's slice while the socket
/// takes it; what it does not take waits in the connection's outbox.
pub struct Engine<S, P: Protocol> {
    protocol: P,
    /// With the socket, once messages may flow.
    outbox: Arc<Outbox<S, P::Encoder>>,
    /// What an open connection between two messages has no use for.
    transient: Option<Box<Transient<S>>>,
}

impl<S: Stream, P: Protocol> Engine<S, P> {
    /// A connection whose `socket` has begun to connect.
    pub fn connecting(socket: S, protocol: P, limits: impl Into<Arc<Limits>>) -> Self {
        Self::new(socket, protocol, limits.into(), Phase::Connecting)
    }

    /// A connection just accepted. It shares `limits` with the others of its listener if these are
    /// given in an [`Arc`], and say what to do [`when_full`](Limits::when_full).
    pub fn accepted(socket: S, protocol: P, limits: impl Into<Arc<Limits>>) -> Self {
        Self::new(socket, protocol, limits.into(), Phase::Connected)
    }

    fn new(socket: S, protocol: P, mut limits: Arc<Limits>, phase: Phase) -> Self {
        if limits.when_full.is_none() {
            Arc::make_mut(&mut limits).when_full = Some(match phase {
                Phase::Connecting => WhenFull::Wait,
                _ => WhenFull::Disconnect,
            });
        }
        let outbox = Arc::new(Outbox::new(protocol.encoder(), limits));
        let transient = Transient { phase, socket: Some(socket), ..Transient::default() };
        Self { protocol, outbox, transient: Some(Box::new(transient)) }
    }

    /// Where to turn when connecting fails: `next` gives another socket that has begun to connect,
    /// until `None`. Called on the loop's thread; must not wait.
    #[must_use]
    pub fn with_fallback(
        mut self,
        next: impl FnMut() -> Option<io::Result<S>> + Send + 'static,
    ) -> Self {
        self.transient_mut().fallback = Some(Box::new(next));
        self
    }

    fn go_on_connecting(&mut self, io: &Io<'_>) -> Result<bool, CloseReason> {
        loop {
            let error = match self.socket().and_then(Stream::connected) {
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
        while let Some(next) = self.transient.as_mut().and_then(|transient| transient.next_socket())
        {
            match next {
                Ok(mut socket) => {
                    socket.register(registration).map_err(|error| CloseReason::from(&error))?;
                    self.transient_mut().socket = Some(socket);
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

    fn start_protocol(&mut self, registration: &Registration<'_>) -> Result<Opening, CloseReason> {
        self.transient_mut().fallback = None;
        let mut out = Vec::new();
        let ready = self.protocol.open(&mut out);
        self.transient_mut().phase = Phase::Handshaking;
        self.outbox.push(out);
        self.flush_ahead()?;
        if ready { Ok(self.become_ready(registration)) } else { Ok(Opening::Handshaking) }
    }

    fn become_ready(&mut self, registration: &Registration<'_>) -> Opening {
        self.transient_mut().phase = Phase::Open;
        if !registration.is_provisional {
            self.open_outbox();
        }
        Opening::Ready
    }

    /// Writes what goes before all messages.
    fn flush_ahead(&self) -> Result<(), CloseReason> {
        let socket = self.socket().map_err(|error| CloseReason::from(&error))?;
        self.outbox.flush_to(socket)
    }

    /// Gives the socket to the outbox: from now on other threads write as well.
    fn open_outbox(&mut self) {
        if let Some(socket) = self.transient_mut().socket.take() {
            // A failed write shows when the stream is read, behind what the peer still sent.
            let _ = self.outbox.open(socket);
        }
        self.shrink();
    }

    /// Bytes kept of a message that is not whole, 1 at least.
    #[inline]
    fn half_received(&self) -> usize {
        let fragments = self.protocol.half_received().map_or(0, |bytes| bytes.max(1));
        fragments + self.transient.as_ref().map_or(0, |transient| transient.inbox.held())
    }

    /// Writes what waits, if the stream is open.
    #[inline]
    fn write(&self) -> Result<(), CloseReason> {
        if self.outbox.waits() { self.write_some() } else { Ok(()) }
    }

    fn write_some(&self) -> Result<(), CloseReason> {
        match self.outbox.flush() {
            Err(
                reason @ (CloseReason::OutboxLimit { .. }
                | CloseReason::NodeMemory
                | CloseReason::Stalled
                | CloseReason::Panicked
                | CloseReason::AdapterFault(_)),
            ) => Err(reason),
            Err(_) => {
                // The peer may have said more before it went: the read side tells the end.
                self.outbox.tell_reader();
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn shake_hands(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        self.flush_ahead()?;
        match self.read(io, &mut Nobody)? {
            Stop::Ready => Ok(self.become_ready(&io.registration)),
            Stop::Sink => {
                // The budget is used up; no readiness tells of what is left.
                self.outbox.tell_reader();
                Ok(Opening::Handshaking)
            }
            Stop::Needs(_) => Ok(Opening::Handshaking),
        }
    }

    fn try_open(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        if self.phase() == Phase::Connecting {
            if !self.go_on_connecting(io)? {
                return Ok(Opening::Connecting);
            }
            self.transient_mut().phase = Phase::Connected;
        }
        if self.phase() == Phase::Connected {
            let opening = self.start_protocol(&io.registration)?;
            if opening == Opening::Ready {
                return Ok(opening);
            }
        }
        self.shake_hands(io)
    }
}

impl<S: Stream, P: Protocol> Remote for Engine<S, P> {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Outbox<S, P::Encoder>>::clone(&self.outbox)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(self.outbox.limits())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        let own = self.transient.as_ref().and_then(|transient| transient.socket.as_ref());
        own.or_else(|| self.outbox.socket())?.peer_addr()
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.outbox.set_notifier(registration.notifier());
        self.sole_socket()?.register(registration)?;
        if self.phase() == Phase::Open {
            self.open_outbox();
        }
        Ok(())
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.sole_socket()?.deregister(registration)
    }

    fn open(&mut self, io: &mut Io<'_>) -> Opening {
        let opening = self.try_open(io).unwrap_or_else(Opening::Failed);
        io.half_received = self.half_received();
        opening
    }

    fn next_address(&mut self, registration: &Registration<'_>) -> bool {
        let timed_out = || io::ErrorKind::TimedOut.into();
        self.phase() == Phase::Connecting && self.next_socket(registration, timed_out()).is_ok()
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        let guard = self.outbox.flush_guard();
        let read = self.read(io, sink);
        io.half_received = self.half_received();
        let received = match read {
            Ok(Stop::Needs(_)) if self.outbox.has_failed() => {
                self.outbox.failure().map_or(Received::Drained, Received::Ended)
            }
            Ok(Stop::Needs(_)) => Received::Drained,
            Ok(Stop::Sink | Stop::Ready) => Received::Unfinished,
            Err(reason) => Received::Ended(reason),
        };
        drop(guard);
        match self.write() {
            Err(reason) if !matches!(received, Received::Ended(_)) => Received::Ended(reason),
            _ => received,
        }
    }

    fn heartbeat(&mut self) {
        let mut out = Vec::new();
        self.protocol.heartbeat(&mut out);
        self.outbox.push(out);
    }

    fn flush(&mut self, _: &Registration<'_>) -> Result<(), CloseReason> {
        self.write()
    }

    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        self.go_on_ending(io, reason)
    }
}

/// The half of an [`Engine`] that any thread sends through.
impl<S: Stream, E: Encoder> Sender for Outbox<S, E> {
    fn attach(&self, notifier: Notifier) {
        self.set_notifier(notifier);
    }

    fn send(&self, _to: SocketAddr, message: &[u8]) -> SendStatus {
        Self::send(self, message, true)
    }

    fn try_send(&self, _to: SocketAddr, message: &[u8]) -> SendStatus {
        Self::send(self, message, false)
    }

    fn queued(&self) -> usize {
        Self::queued(self)
    }

    fn taken(&self) -> Option<u64> {
        Self::taken(self)
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        Self::when_writable(self, tell);
    }

    fn flush(&self) {
        // A failure reaches the loop by itself.
        let _ = Self::flush(self);
    }

    fn abort(&self, reason: CloseReason) {
        Self::abort(self, reason);
    }

    fn end(&self) {
        Self::end(self);
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

impl<S, P: Protocol> Engine<S, P> {
    /// What is there for a while only, with memory for it.
    fn transient_mut(&mut self) -> &mut Transient<S> {
        self.transient.get_or_insert_default()
    }

    #[inline]
    fn phase(&self) -> Phase {
        self.transient.as_ref().map_or(Phase::Open, |transient| transient.phase)
    }

    /// The socket, wherever it is.
    #[inline]
    fn socket(&self) -> io::Result<&S> {
        let own = || self.transient.as_ref()?.socket.as_ref();
        self.outbox.socket().or_else(own).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// The socket, while nobody else uses it: senders do once messages may flow.
    fn sole_socket(&mut self) -> io::Result<&mut S> {
        let own = self.transient.as_mut().and_then(|transient| transient.socket.as_mut());
        own.ok_or_else(|| io::Error::other("the socket is in use by senders"))
    }

    /// Gives that memory back where it holds nothing.
    fn shrink(&mut self) {
        self.transient.take_if(|transient| transient.is_empty());
    }

    /// Whether a frame has begun to arrive.
    #[inline]
    fn has_inbox(&self) -> bool {
        self.transient.as_ref().is_some_and(|transient| !transient.inbox.is_empty())
    }
}

impl<S, P: Protocol> fmt::Debug for Engine<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("transient", &self.transient).finish_non_exhaustive()
    }
}
