//! What a transport implements: the page an adapter author reads.
//!
//! Two traits open sockets: [`Connect`] and [`Listen`], implemented by values that carry the
//! transport's configuration. Two more are what the loop drives from then on: [`Remote`], one
//! connection, and [`Local`], one listener. [`Sender`] is the part of either that any thread sends
//! through.
//!
//! A transport that is a stream of bytes implements none of the last three: it hands a
//! [`Stream`](crate::stream::Stream) and a [`Protocol`](crate::stream::Protocol) to the
//! [`Engine`](crate::stream::Engine), which is a [`Remote`].
//!
//! # Who does what
//!
//! The loop keeps the endpoints' ids and states, the events and their order, close reasons,
//! time-outs, fairness, and back-off when descriptors run out. The adapter reads and writes.
//! Nothing here may block, on any thread, and nothing may panic for what a peer sent.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::limits::Limits;
use crate::notifier::{Notifications, Notifier};
use crate::poller::token_of;
use crate::readiness::Readiness;
use crate::send_status::SendStatus;

pub use crate::accept_error::AcceptError;
pub use crate::loop_thread::{Gathering, gathering};
pub use crate::writer::Writer;

/// The tag of adapters that have no number of their own.
pub const CUSTOM_TAG: u8 = 127;

/// A value that opens connections; it is what `network.connect(value, address)` takes.
pub trait Connect {
    /// Shown by [`ResourceId::adapter_id`]; bits above the seventh are dropped. Default: 127.
    fn tag(&self) -> u8 {
        CUSTOM_TAG
    }

    /// Begins to connect to `addr` and returns without waiting for the peer.
    ///
    /// Called on the thread of the program's `connect`. Looking a host name up is the one thing
    /// that may wait here. What this returns is driven by [`Remote::open`] until it is ready.
    ///
    /// # Errors
    ///
    /// Told to the caller of `connect`, who then has no endpoint and gets no event. Say what to do
    /// about it; use a [`CloseReason`] where one fits.
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection>;
}

/// A value that opens listeners; it is what `network.listen(value, address)` takes.
pub trait Listen {
    /// As [`Connect::tag`].
    fn tag(&self) -> u8 {
        CUSTOM_TAG
    }

    /// Opens a listener on `addr`: bound and listening when this returns.
    ///
    /// Called on the thread of the program's `listen`, once for each address that a host name
    /// stands for until one succeeds.
    ///
    /// # Errors
    ///
    /// Told to the caller of `listen` if no other address is left to try.
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener>;
}

impl<T: Connect + ?Sized> Connect for &T {
    fn tag(&self) -> u8 {
        (**self).tag()
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        (**self).connect(addr)
    }
}

impl<T: Listen + ?Sized> Listen for &T {
    fn tag(&self) -> u8 {
        (**self).tag()
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        (**self).listen(addr)
    }
}

/// A connection just opened or accepted, on its way to the loop.
pub struct Connection {
    pub(crate) remote: Box<dyn Remote>,
    pub(crate) peer: RemoteAddr,
    pub(crate) local: RemoteAddr,
    pub(crate) reconnect: Option<Box<dyn Reconnect>>,
}

impl Connection {
    /// A connection to `peer` from the address `local` of this side.
    pub fn new(remote: impl Remote + 'static, peer: RemoteAddr, local: RemoteAddr) -> Self {
        Self { remote: Box::new(remote), peer, local, reconnect: None }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// How a connection is opened again when it has ended, as an endpoint that outlives it.
pub(crate) trait Reconnect: Send {
    /// What the program sends through, whichever connection there is.
    fn sender(&self) -> Arc<dyn Sender>;

    /// Has that send through the connection that there is from now on, if there is one.
    fn send_through(&self, sender: Option<Arc<dyn Sender>>);

    /// The connection is ready.
    fn note_ready(&mut self, now: Instant);

    /// The delay before the next attempt, after an attempt that failed or a connection that ended;
    /// `None` if there is to be none.
    fn next_delay(&mut self, now: Instant) -> Option<Duration>;

    /// What makes an attempt.
    fn attempt(&self) -> Attempt;

    /// Whether an attempt may look a name up.
    fn may_block(&self) -> bool;
}

/// Begins to connect once more, on whatever thread.
pub(crate) type Attempt = Arc<dyn Fn() -> io::Result<Connection> + Send + Sync>;

/// A listener just opened, on its way to the loop.
pub struct Listener {
    pub(crate) local: Box<dyn Local>,
    pub(crate) addr: RemoteAddr,
}

impl Listener {
    /// A listener bound to `addr`, with the real port where port 0 was asked for.
    pub fn new(local: impl Local + 'static, addr: RemoteAddr) -> Self {
        Self { local: Box::new(local), addr }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// One connection, as the loop drives it.
///
/// The loop alone calls these methods, on its thread (or on the thread of a `connect_sync` that
/// drives the connection until it is ready), one at a time:
/// `register`, then `open` until it is ready or failed, then `receive` and `flush` as the source
/// becomes ready, then `close` until it is done. Dropping the value closes the socket.
pub trait Remote: Send {
    /// The part that any thread sends through. Called once, before everything else.
    fn sender(&self) -> Arc<dyn Sender>;

    /// The bounds the loop keeps this connection to. Called once, before `register`. Share them: each
    /// connection of a listener has the same.
    fn limits(&self) -> Arc<Limits> {
        Arc::default()
    }

    /// The peer's socket address as the system knows it, if the transport has any: asked once `open` of a
    /// connection that was opened here has returned [`Opening::Ready`], for the endpoint to name the
    /// address that answered. Default: none, which is the one that [`Connection::new`] was given.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Registers what tells readiness, for reading and writing, edge-triggered: with
    /// [`Registration::register`] for a mio source, by keeping an
    /// [`notifier`](Registration::notifier) for anything else.
    ///
    /// # Errors
    ///
    /// The endpoint ends with that error as its reason.
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()>;

    /// Undoes `register`, because the connection moves to another poller: after `open` returned
    /// [`Opening::Ready`], before any message was sent or received. A mio source must be removed
    /// here; the default does nothing, which suits one that notifies.
    ///
    /// # Errors
    ///
    /// As for `register`.
    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let _ = registration;
        Ok(())
    }

    /// Goes on with connecting and with the handshake.
    ///
    /// Called once after `register` and then at each readiness, while it returns
    /// [`Opening::Connecting`] or [`Opening::Handshaking`]. No message may be handed out yet; `receive` is called right after
    /// [`Opening::Ready`] for what came along with the last of the handshake.
    fn open(&mut self, io: &mut Io<'_>) -> Opening;

    /// The connect timeout is over: gives the address up and begins to connect to the next one of
    /// the host name, registered as `register` would. Returns whether there was one; the endpoint
    /// fails if not, the default.
    fn next_address(&mut self, registration: &Registration<'_>) -> bool {
        let _ = registration;
        false
    }

    /// Reads what is there and hands each whole message to `sink`.
    ///
    /// Called when the source became readable, and again without that after
    /// [`Received::Unfinished`] or [`Received::MaybeMore`]. Stop when [`Io::budget`] is used up
    /// (`Unfinished`), when the sink says [`Flow::Stop`] (`Unfinished`; keep what was read and not
    /// handed out), or when the source is drained (`Drained`): polling is edge-triggered, so bytes
    /// left in the source after `Drained` raise no further event.
    ///
    /// [`Received::Ended`] ends the endpoint: the loop tells the program and goes on to `close`.
    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received;

    /// Asks the peer for a sign of life, if the protocol can. Called after each
    /// [`Limits::heartbeat`] without anything received. Default: nothing.
    fn heartbeat(&mut self) {}

    /// Writes what waits to be sent, as far as it goes.
    ///
    /// Called when the source became writable and when the [`Notifier`] says so. The default does
    /// nothing, which suits a [`Sender`] that keeps nothing. `registration` is for sources that ask
    /// to be told of room only while something waits.
    ///
    /// # Errors
    ///
    /// The endpoint ends with that reason. A full socket is not an error: return `Ok` and wait to
    /// be called again.
    fn flush(&mut self, registration: &Registration<'_>) -> Result<(), CloseReason> {
        let _ = registration;
        Ok(())
    }

    /// Ends the connection politely, in steps: what waits to be sent, the protocol's goodbye, the
    /// end of the stream; then waits for the peer's end so that no reset overtakes the last bytes.
    ///
    /// Called first when the endpoint is over (`reason` says why: the peer's own end among them),
    /// then at each readiness until it returns [`Closing::Done`] or [`Closing::Failed`], or
    /// [`Limits::linger`] is over.
    /// Nothing read here is handed out any more. The default is done at once.
    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        let _ = (io, reason);
        Closing::Done
    }
}

/// One listener, as the loop drives it, on the loop's thread. Dropping the value closes it.
pub trait Local: Send {
    /// For listeners without connections: the part that any thread answers through.
    fn sender(&self) -> Option<Arc<dyn Sender>> {
        None
    }

    /// The part by which any thread closes it. Called once, before `register`. With none, the default,
    /// the listener is closed when the loop drops it, which may be a callback later: its port is in use
    /// until then.
    fn closer(&self) -> Option<Arc<dyn Close>> {
        None
    }

    /// The bounds the loop keeps this listener to. Called once, before `register`.
    fn limits(&self) -> Arc<Limits> {
        Arc::default()
    }

    /// As [`Remote::register`]. An error is tried again later, by a timer.
    ///
    /// # Errors
    ///
    /// Those of the poller.
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()>;

    /// Accepts connections, or reads messages, until nothing waits.
    ///
    /// Called when the source became ready, and again without that after
    /// [`Accepting::Unfinished`], which is what to return when [`Io::budget`] is used up or the
    /// sink says [`Flow::Stop`], or [`Accepting::MaybeMore`]. [`Accepting::Exhausted`] tells that
    /// the system is out of descriptors or memory: the loop calls again a little later, whatever the
    /// poller says.
    /// An error of a single peer is not one of the listener: skip it and go on. [`AcceptError`] tells
    /// which errors are which; none ends a listener.
    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting;

    /// As [`Remote::flush`]. Only listeners with a [`sender`](Self::sender) that queues need it.
    fn flush(&mut self, registration: &Registration<'_>) {
        let _ = registration;
    }
}

/// What any thread closes a listener by.
pub trait Close: Send + Sync {
    /// Closes what it listens with, so that its address is free when this returns. Called once at most,
    /// by [`remove`](crate::network::NetworkController::remove) on whatever thread, also while the loop is
    /// inside [`Local::ready`]. The loop may call the listener a few times more, which then has nothing.
    fn close(&self);
}

/// What any thread may do with an endpoint.
///
/// Called by many threads at once, the loop's among them, and from inside the callback. Must not
/// block, save for [`send`](Self::send) on a thread that is not the loop's.
///
/// # How a sender ends its own endpoint
///
/// A sender whose write fails has no call that ends the endpoint: the loop does, on its thread. Keep the
/// reason where the [`Remote`] finds it, return [`SendStatus::ResourceNotFound`] from now on, and
/// notify [`Readiness::WRITABLE`] with the [`Notifier`]. The loop then calls [`Remote::flush`], and
/// the endpoint ends with the reason that this returns (before it is ready: with the
/// [`Opening::Failed`] of [`Remote::open`]). To deliver first what the peer sent before it went,
/// notify [`Readiness::READABLE`] with `ended` instead, and return [`Received::Ended`] after the
/// last message; a paused endpoint then ends when it is resumed. A listener does not end by itself.
pub trait Sender: Send + Sync {
    /// Tells how the loop that will drive the connection is called, and whether it runs. Called
    /// once by `connect`, before anything is sent; the loop itself may come to know the connection
    /// only later, by [`Remote::register`]. The default does nothing, which suits a sender that
    /// neither waits nor keeps anything.
    ///
    /// Not called for a connection that a listener accepted or that
    /// [`Reconnecting`](crate::Reconnecting) opened again, nor for the sender of a listener: these get
    /// their notifier from [`Registration::notifier`] in [`Remote::register`] or [`Local::register`].
    /// An accepted connection has it before the program knows the endpoint; the other two may be
    /// sent to before. Use the one of the latest `register` in any case: it is of the loop that
    /// drives the connection now.
    fn attach(&self, notifier: Notifier) {
        let _ = notifier;
    }

    /// Sends `message` whole, or takes it whole to be sent later, in the order of the calls of one
    /// thread.
    ///
    /// A sender that keeps messages waits here while more than [`Limits::outbox_soft_mark`] bytes are
    /// queued, where [`Notifier::loop_is_of_another_thread`] is true. It returns when there is room, the
    /// endpoint ends or the node stops ([`Notifier::is_stopping`]), and ends a connection whose peer
    /// takes nothing for [`Limits::stall_timeout`]. Elsewhere it queues up to
    /// [`Limits::outbox_hard_limit`]. Before it keeps a message it asks [`Notifier::has_room`], and then
    /// calls [`Notifier::change_queued`].
    ///
    /// `to` is the address of the endpoint, for listeners without connections. Ask [`gathering`]
    /// whether the message may wait for those that follow it.
    fn send(&self, to: SocketAddr, message: &[u8]) -> SendStatus;

    /// As `send`, but never waits: [`SendStatus::Full`] with nothing taken while more than
    /// [`Limits::outbox_soft_mark`] bytes wait.
    fn try_send(&self, to: SocketAddr, message: &[u8]) -> SendStatus {
        self.send(to, message)
    }

    /// Bytes taken and not yet given to the operating system.
    fn queued(&self) -> usize {
        0
    }

    /// Bytes that the operating system has taken so far of what waits; `None`, the default, where
    /// nothing waits or nobody counts.
    ///
    /// By two answers the loop tells whether the peer takes anything ([`Limits::stall_timeout`]). Once
    /// more than [`Limits::outbox_soft_mark`] waits, the sender notifies `Readiness::default()` for
    /// the loop to begin.
    fn taken(&self) -> Option<u64> {
        None
    }

    /// Writes what waits to be sent now, as far as it goes, rather than when the loop comes to it.
    fn flush(&self) {}

    /// Runs `tell` once [`try_send`](Self::try_send) would take a message again: at once if it
    /// would now, the default. Not at all if the endpoint ends before.
    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        tell();
    }

    /// The endpoint is given up: as [`end`](Self::end), and throws away what waits. The loop ends it
    /// for `reason` soon. The default does as `end`.
    fn abort(&self, reason: CloseReason) {
        let _ = reason;
        self.end();
    }

    /// The endpoint is over: no message is taken from now on, and no thread waits any more.
    fn end(&self) {}
}

/// What the loop lends to an adapter for one call.
#[derive(Debug)]
pub struct Io<'a> {
    /// Where to read to: one buffer for the whole loop, its content of no meaning between calls.
    pub buffer: &'a mut [u8],
    /// Bytes (or, for listeners with connections, connections) to take in this call at most.
    /// Subtract what was taken: it tells the loop that the peer lives.
    pub budget: usize,
    /// What the resource became ready for since it was last served.
    pub readiness: Readiness,
    /// Bytes kept of a message that has begun to arrive and is not whole, or that the program does not
    /// want yet: set it before returning from `open` and `receive`, to 1 at least inside a message. It is
    /// 0 when they are called. They count against
    /// [`NodeLimits::max_buffered`](crate::limits::NodeLimits), and while there are any
    /// [`Limits::message_timeout`] applies.
    pub half_received: usize,
    /// The program waits for any event rather than for all that is there: whoever has handed out a
    /// message need not make a system call to find no other, but may return
    /// [`Received::MaybeMore`].
    pub is_one_enough: bool,
    /// How readiness of this resource is registered.
    pub registration: Registration<'a>,
}

/// Ties a source to the loop that will be told of its readiness.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    pub(crate) registry: Option<&'a mio::Registry>,
    pub(crate) id: ResourceId,
    pub(crate) notifications: &'a Arc<Notifications>,
    /// The connection moves to another loop once it is ready.
    pub(crate) is_provisional: bool,
}

impl Registration<'_> {
    /// Registers a mio source.
    ///
    /// # Errors
    ///
    /// Those of [`mio::Registry::register`]; `Unsupported` under a poller that is not mio's.
    pub fn register(
        &self,
        source: &mut (impl mio::event::Source + ?Sized),
        interest: mio::Interest,
    ) -> io::Result<()> {
        self.registry()?.register(source, mio::Token(token_of(self.id)), interest)
    }

    /// Changes what a registered mio source is polled for. What it is ready for already is told
    /// again.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub fn reregister(
        &self,
        source: &mut (impl mio::event::Source + ?Sized),
        interest: mio::Interest,
    ) -> io::Result<()> {
        self.registry()?.reregister(source, mio::Token(token_of(self.id)), interest)
    }

    /// Removes a mio source.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub fn deregister(&self, source: &mut (impl mio::event::Source + ?Sized)) -> io::Result<()> {
        self.registry()?.deregister(source)
    }

    /// A handle by which a source without a descriptor tells its readiness, from any thread.
    pub fn notifier(&self) -> Notifier {
        Notifier::new(Arc::clone(self.notifications), self.id)
    }

    fn registry(&self) -> io::Result<&mio::Registry> {
        self.registry.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
    }
}

impl fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a connection hands its messages.
pub trait Sink {
    /// Runs the program's callback with one whole message.
    ///
    /// `more` tells that more bytes of the same read wait behind this message: what the program
    /// sends meanwhile is then gathered and written at once after the read.
    #[must_use]
    fn message(&mut self, message: &[u8], more: bool) -> Flow;
}

/// Where a listener hands what it got.
pub trait ListenerSink {
    /// A connection to be driven from now on.
    #[must_use]
    fn accept(&mut self, connection: Connection) -> Flow;

    /// A message from a peer without a connection; `more` as in [`Sink::message`].
    #[must_use]
    fn message(&mut self, from: SocketAddr, message: &[u8], more: bool) -> Flow;
}

/// Whether to go on handing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Hand out nothing more in this call: the endpoint was removed, or the node stopped.
    Stop,
}

/// How far a connection is on its way to being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Still connecting: the connect timeout applies.
    Connecting,
    /// Connected, still shaking hands: the handshake timeout applies.
    Handshaking,
    /// Messages may flow: the program is told by `Connected(_, true)` or `Accepted`.
    Ready,
    /// It failed: the program is told by `Connected(_, false)`; an accepted one is only counted.
    /// The loop goes on to [`Remote::close`], so that a refusal still reaches the peer.
    Failed(CloseReason),
}

/// How a read ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing is left to read; the source will tell when there is.
    Drained,
    /// There may be more to read: call again after the others were served.
    Unfinished,
    /// Something was handed out, and whether there is more was not asked: see
    /// [`Io::is_one_enough`]. The loop calls again before it waits, and up to 16 times in a row before
    /// it asks the poller.
    MaybeMore,
    /// The connection is over.
    Ended(CloseReason),
}

/// How an accept round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepting {
    /// Nobody waits any more.
    Drained,
    /// There may be more: call again after the others were served.
    Unfinished,
    /// As [`Received::MaybeMore`].
    MaybeMore,
    /// The system refuses for want of descriptors or memory: call again a little later.
    Exhausted,
}

/// How far a polite end is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Bytes accepted for sending are still to be written.
    Flushing,
    /// All is written; the peer's own end is awaited.
    AwaitingPeer,
    /// The socket may be closed.
    Done,
    /// The socket may be closed, and something accepted for sending did not go out: where the
    /// program ended the connection, this becomes the reason that
    /// [`close_reason`](crate::network::NetworkController::close_reason) tells.
    Failed(CloseReason),
}
