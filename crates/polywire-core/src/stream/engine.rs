//! The one code that reads and writes a stream.

mod ending;
#[cfg(test)]
mod fixture;
mod opening;
mod reading;
mod redirecting;
mod sender;
mod stop;
#[cfg(test)]
mod tests;
mod transient;

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::adapter::{Closing, Io, Opening, Received, Remote, Sender, Sink};
use crate::close_reason::CloseReason;
use crate::limits::{Limits, WhenFull};
use crate::stream::outbox::Outbox;
use crate::stream::{Context, Dialed, Progress, Protocol, Stream, misuse};

use stop::Stop;
use transient::{Phase, Transient, opening_stream};

/// The fault of a protocol that says more than once that messages may flow.
const READY_TWICE: &str = "a protocol is ready once, when its handshake is done";

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

    /// A connection whose stream has begun to connect, with the other addresses of its peer.
    pub fn dialed(dialed: Dialed<S>, protocol: P, limits: impl Into<Arc<Limits>>) -> Self {
        let mut engine = Self::connecting(dialed.stream, protocol, limits);
        engine.transient_mut().fallback = dialed.fallback;
        engine
    }

    /// A connection just accepted. It shares `limits` with the others of its listener if these are
    /// given in an [`Arc`], and say what to do [`when_full`](Limits::when_full).
    pub fn accepted(socket: S, protocol: P, limits: impl Into<Arc<Limits>>) -> Self {
        Self::new(socket, protocol, limits.into(), Phase::Accepted)
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

    /// What was read of the stream by somebody else: the protocol gets it before all that is read here.
    #[must_use]
    pub fn with_received(mut self, bytes: &[u8]) -> Self {
        if !bytes.is_empty() {
            self.transient_mut().inbox.put(bytes, 0);
        }
        self
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

    /// Lets the protocol say something.
    fn speak<R>(&mut self, io: &mut Io<'_>, say: impl FnOnce(&mut P, &mut Context<'_>) -> R) -> R {
        let mut out = Vec::new();
        let registration = io.registration;
        let stream = opening_stream(self.transient.as_deref());
        let cx = Context::of_loop(&mut out, registration.id, registration.clock());
        let mut cx = cx.over(stream);
        let said = say(&mut self.protocol, &mut cx);
        self.outbox.push(out);
        self.tell_deadline(io);
        said
    }

    /// The same, after which the handshake may be done.
    fn progress(
        &mut self,
        io: &mut Io<'_>,
        say: impl FnOnce(&mut P, &mut Context<'_>) -> Result<Progress, CloseReason>,
    ) -> Result<(), CloseReason> {
        let mut out = Vec::new();
        let registration = io.registration;
        let mut cx = Context::of_loop(&mut out, registration.id, registration.clock());
        let said = say(&mut self.protocol, &mut cx);
        if said.is_ok() {
            self.outbox.push(std::mem::take(&mut out));
        }
        self.tell_deadline(io);
        match said {
            Ok(Progress::Unchanged) => {}
            Ok(Progress::Ready) if self.phase() == Phase::Handshaking => {
                let transient = self.transient_mut();
                transient.is_ready = true;
                transient.inbox.reconsider(); // What had to wait for this is a message perhaps.
            }
            Ok(Progress::Ready) => {
                return Err(misuse::<P>(READY_TWICE));
            }
            Err(reason) => {
                self.transient_mut().is_silent = !out.is_empty();
                self.push_close_frame(out);
                return Err(reason);
            }
        }
        self.write()
    }

    /// The protocol has ended the connection, with its close frame in `out`: no message goes behind that.
    #[cold]
    fn push_close_frame(&self, out: Vec<u8>) {
        // Before it is open no message goes anyway, and what waits may still go to where it is sent to.
        if self.phase() == Phase::Open {
            self.outbox.end();
        }
        self.outbox.push_last(out);
    }

    /// Tells the loop if the protocol has another deadline than it had.
    #[inline(always)]
    fn tell_deadline(&mut self, io: &mut Io<'_>) {
        let told = self.transient.as_ref().and_then(|transient| transient.deadline);
        let deadline = self.protocol.deadline().filter(|_| self.is_connected());
        if deadline != told {
            self.transient_mut().deadline = deadline;
            io.set_deadline(deadline);
        }
    }

    /// Whether the protocol has begun.
    #[inline]
    fn is_connected(&self) -> bool {
        !matches!(
            self.phase(),
            Phase::Connecting | Phase::Accepted | Phase::Layering | Phase::Redirecting
        )
    }

    /// Bytes kept of a message that is not whole, 1 at least, or of what the stream has to have whole.
    #[inline]
    fn half_received(&self) -> usize {
        self.half_decoded() + self.half_read()
    }

    /// What the stream keeps of that.
    #[inline(always)]
    fn half_read(&self) -> usize {
        if S::SHORT_READ_DRAINS { 0 } else { self.socket().map_or(0, S::half_read) }
    }

    #[inline]
    fn half_decoded(&self) -> usize {
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

    fn names_peer(&self) -> bool {
        S::NAMES_PEER
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.outbox.set_notifier(io.registration.notifier());
        self.sole_socket()?.register(&io.registration)?;
        if self.phase() == Phase::Open {
            self.open_outbox();
        }
        Ok(())
    }

    fn deregister(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.sole_socket()?.deregister(&io.registration)
    }

    fn open(&mut self, io: &mut Io<'_>) -> Opening {
        let opening = self.try_open(io).or_else(|reason| self.redirect(io, reason));
        let opening = opening.unwrap_or_else(Opening::Failed);
        io.half_received = self.half_received();
        self.tell_deadline(io);
        opening
    }

    fn next_address(&mut self, io: &mut Io<'_>) -> bool {
        let timed_out = || io::ErrorKind::TimedOut.into();
        self.phase() == Phase::Connecting && self.next_socket(&io.registration, timed_out()).is_ok()
    }

    fn timed_out(&mut self) -> CloseReason {
        let mut reason = CloseReason::HandshakeTimeout;
        match self.phase() {
            Phase::Layering => {
                let told = self.socket().ok().and_then(S::timed_out);
                reason = told.unwrap_or(reason);
            }
            // There is no time left to turn to the address.
            Phase::Handshaking => drop(self.protocol.open_failed(&mut reason)),
            _ => {}
        }
        reason
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        let guard = self.outbox.flush_guard();
        let half_read = self.half_read();
        let read = self.read(io, sink);
        io.budget = io.budget.saturating_sub(self.half_read().saturating_sub(half_read));
        io.half_received = self.half_received();
        self.tell_deadline(io);
        let received = match read {
            Ok(Stop::Needs(_)) if self.outbox.has_failed() => {
                self.outbox.failure().map_or(Received::Drained, Received::Ended)
            }
            Ok(Stop::Needs(_)) => Received::Drained,
            Ok(Stop::Sink) => Received::Unfinished,
            Ok(Stop::Ready) => Received::Ended(misuse::<P>(READY_TWICE)),
            Err(reason) => Received::Ended(reason),
        };
        drop(guard);
        match self.write() {
            Err(reason) if !matches!(received, Received::Ended(_)) => Received::Ended(reason),
            _ => received,
        }
    }

    fn heartbeat(&mut self, io: &mut Io<'_>) {
        self.speak(io, |protocol, cx| protocol.heartbeat(cx));
    }

    fn control(&mut self, io: &mut Io<'_>, value: Box<dyn Any + Send>) -> Result<(), CloseReason> {
        match self.phase() {
            Phase::Connecting | Phase::Accepted | Phase::Layering | Phase::Redirecting => {
                self.transient_mut().controls.push(value);
                Ok(())
            }
            Phase::Handshaking | Phase::Open => {
                self.progress(io, |protocol, cx| protocol.control(value, cx))
            }
            Phase::Finished | Phase::ShutDown => Ok(()),
        }
    }

    fn expire(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        self.transient_mut().deadline = None;
        self.progress(io, P::expire)
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.write()
    }

    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        self.go_on_ending(io, reason)
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
