//! One connection, as the loop drives it.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapter::driver::Driver;
use crate::adapter::outcome::{Closing, Flow, Opening, Received};
use crate::adapter::registration::Io;
use crate::adapter::sender::Sender;
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::message::Message;

/// A connection just opened or accepted, on its way to the loop.
pub struct Connection {
    pub(crate) remote: Box<dyn Remote>,
    pub(crate) peer: RemoteAddr,
    pub(crate) local: RemoteAddr,
    pub(crate) reconnect: Option<Box<dyn Reconnect>>,
    pub(crate) driver: Option<Driver>,
}

impl Connection {
    /// A connection to `peer` from the address `local` of this side.
    pub fn new(remote: impl Remote + 'static, peer: RemoteAddr, local: RemoteAddr) -> Self {
        Self { remote: Box::new(remote), peer, local, reconnect: None, driver: None }
    }

    /// The same, for which `driver` reads.
    #[must_use]
    pub fn with_driver(mut self, driver: &Driver) -> Self {
        self.driver = Some(driver.clone());
        self
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
    /// `None` if there is to be none. `random` is any number.
    fn next_delay(&mut self, now: Instant, random: u64) -> Option<Duration>;

    /// What makes an attempt.
    fn attempt(&self) -> Attempt;

    /// Whether an attempt may look a name up.
    fn may_block(&self) -> bool;
}

/// Begins to connect once more, on whatever thread.
pub(crate) type Attempt = Arc<dyn Fn() -> io::Result<Connection> + Send + Sync>;

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

    /// The peer's socket address, if the transport has any: asked once `open` has returned
    /// [`Opening::Ready`], for the endpoint to name the address that answered, or for which a proxy connected.
    /// Default: none, which leaves it the one that [`Connection::new`] was given.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Whether an accepted connection has still to say who its peer is, by [`Io::rename`]: one that a proxy
    /// made for somebody. Asked once, before `register`. Until it says so, or is ready,
    /// [`Limits::max_connections_per_ip`] counts it for no address. Default: no.
    fn names_peer(&self) -> bool {
        false
    }

    /// Registers what tells readiness, for reading and writing, edge-triggered: with
    /// [`Registration::register`](crate::adapter::Registration::register) for a mio source, by keeping a
    /// [`notifier`](crate::adapter::Registration::notifier) for anything else.
    ///
    /// # Errors
    ///
    /// The endpoint ends with that error as its reason.
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()>;

    /// Undoes `register`, because the connection moves to another poller: after `open` returned
    /// [`Opening::Ready`], before any message was sent or received. A mio source must be removed
    /// here; the default does nothing, which suits one that notifies.
    ///
    /// # Errors
    ///
    /// As for `register`.
    fn deregister(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let _ = io;
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
    fn next_address(&mut self, io: &mut Io<'_>) -> bool {
        let _ = io;
        false
    }

    /// [`Limits::handshake_timeout`] is over: the endpoint fails with the reason that this returns. Default:
    /// [`CloseReason::HandshakeTimeout`]; give another one only if it tells more.
    fn timed_out(&mut self) -> CloseReason {
        CloseReason::HandshakeTimeout
    }

    /// Reads what is there and hands each whole message to `sink`.
    ///
    /// Called when the source became readable, and again without that after
    /// [`Received::Unfinished`] or [`Received::MayHaveMore`]. Stop when [`Io::budget`] is used up
    /// (`Unfinished`), when the sink says [`Flow::Stop`] (`Unfinished`; keep what was read and not
    /// handed out), or when the source is drained (`Drained`): polling is edge-triggered, so bytes
    /// left in the source after `Drained` raise no further event.
    ///
    /// [`Received::Ended`] ends the endpoint: the loop tells the program and goes on to `close`.
    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received;

    /// Asks the peer for a sign of life, if the protocol can. Called after each
    /// [`Limits::heartbeat`] without anything received. Default: nothing.
    fn heartbeat(&mut self, io: &mut Io<'_>) {
        let _ = io;
    }

    /// The program says something to the adapter itself, by
    /// [`control`](crate::network::NetworkController::control). Called from `register` on until the endpoint
    /// is over; before it is ready `open` is called right after. Default: drops `value`, which is what to do
    /// with one of an unknown type.
    ///
    /// # Errors
    ///
    /// The endpoint ends with that reason.
    fn control(&mut self, io: &mut Io<'_>, value: Box<dyn Any + Send>) -> Result<(), CloseReason> {
        let _ = (io, value);
        Ok(())
    }

    /// The deadline that [`Io::set_deadline`] has set is over. Before the endpoint is ready, `open` is called
    /// right after. Not called any more once the endpoint is over. Default: nothing.
    ///
    /// # Errors
    ///
    /// The endpoint ends with that reason.
    fn expire(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        let _ = io;
        Ok(())
    }

    /// Writes what waits to be sent, as far as it goes.
    ///
    /// Called when the source became writable and when the [`Notifier`](crate::Notifier) says so. The default does
    /// nothing, which suits a [`Sender`] that keeps nothing. [`Io::registration`] is for sources that ask
    /// to be told of room only while something waits.
    ///
    /// # Errors
    ///
    /// The endpoint ends with that reason. A full socket is not an error: return `Ok` and wait to
    /// be called again.
    fn flush(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        let _ = io;
        Ok(())
    }

    /// Closes the connection gracefully, in steps: what waits to be sent, the protocol's close
    /// frame, the end of the stream; then waits for the peer's end so that no reset overtakes the last bytes.
    ///
    /// Called first when the endpoint is over (`reason` says why: the peer's own end among them),
    /// then at each readiness until it returns [`Closing::Done`] or [`Closing::Failed`], or
    /// [`Limits::linger`] is over.
    /// Nothing read here is handed out any more. The default is done at once.
    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        let _ = (io, reason);
        Closing::Done
    }

    /// The name of the type, for texts about what it does wrong.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

/// Where a connection hands its messages.
pub trait Sink {
    /// Runs the program's callback with one whole message.
    ///
    /// `more` tells that more bytes of the same read wait behind this message: what the program
    /// sends meanwhile is then gathered and written at once after the read.
    #[must_use]
    fn message(&mut self, message: Message<'_>, more: bool) -> Flow;

    /// A connection that came with this one, such as a stream of a multiplexed connection: an endpoint of its
    /// own from now on. The program is told by `Accepted` when it is ready, with the id of this connection
    /// in the place of a listener's. The limits of this connection bound how many there may be, as they do for a
    /// listener; one above them is dropped.
    #[must_use]
    fn accept(&mut self, connection: Connection) -> Flow;
}
