//! One listener, as the loop drives it.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::adapter::connection::Connection;
use crate::adapter::driver::Driver;
use crate::adapter::outcome::{Accepting, Closing, Flow};
use crate::adapter::registration::Io;
use crate::adapter::sender::Sender;
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::message::Message;

/// A listener just opened, on its way to the loop.
pub struct Listener {
    pub(crate) local: Box<dyn Local>,
    pub(crate) addr: RemoteAddr,
    pub(crate) driver: Option<Driver>,
}

impl Listener {
    /// A listener bound to `addr`, with the real port where port 0 was asked for.
    pub fn new(local: impl Local + 'static, addr: RemoteAddr) -> Self {
        Self { local: Box::new(local), addr, driver: None }
    }

    /// The same, for which `driver` reads.
    #[must_use]
    pub fn with_driver(mut self, driver: &Driver) -> Self {
        self.driver = Some(driver.clone());
        self
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Who connected, and to which address of this side: what a protocol or a layer is told of a connection
/// just accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The peer's address.
    pub peer: RemoteAddr,
    /// The address it connected to.
    pub local: RemoteAddr,
}

impl Accepted {
    /// A connection from `peer` to `local`.
    pub fn new(peer: RemoteAddr, local: RemoteAddr) -> Self {
        Self { peer, local }
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

    /// As [`Remote::register`](crate::adapter::Remote::register). An error is tried again later, by a timer.
    ///
    /// # Errors
    ///
    /// Those of the poller.
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()>;

    /// Accepts connections, or reads messages, until nothing waits.
    ///
    /// Called when the source became ready, and again without that after
    /// [`Accepting::Unfinished`], which is what to return when [`Io::budget`] is used up or the
    /// sink says [`Flow::Stop`], or [`Accepting::MayHaveMore`]. [`Accepting::Exhausted`] tells that
    /// the system is out of descriptors or memory: the loop calls again a little later, whatever the
    /// poller says.
    /// An error of a single peer is not one of the listener: skip it and go on. [`AcceptError`](crate::adapter::AcceptError) tells
    /// which errors are which; none ends a listener.
    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting;

    /// As [`Remote::flush`](crate::adapter::Remote::flush). Only listeners with a [`sender`](Self::sender) that queues need it.
    fn flush(&mut self, io: &mut Io<'_>) {
        let _ = io;
    }

    /// As [`Remote::control`](crate::adapter::Remote::control).
    fn control(&mut self, io: &mut Io<'_>, value: Box<dyn Any + Send>) {
        let _ = (io, value);
    }

    /// As [`Remote::expire`](crate::adapter::Remote::expire). [`ready`](Self::ready) is called right after.
    fn expire(&mut self, io: &mut Io<'_>) {
        let _ = io;
    }

    /// Closes the listener gracefully, in steps, as [`Remote::close`](crate::adapter::Remote::close): it was
    /// removed or the node stops, and its [`closer`](Self::closer) was called. Default: done at once.
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

impl Driver {
    /// A driver that does what `local` does.
    pub fn new(local: impl Local + 'static) -> Self {
        Self::holding::<Box<dyn Local>>(Box::new(local))
    }

    /// What is to be driven, once.
    pub(crate) fn take(&self) -> Option<Box<dyn Local>> {
        self.take_held()
    }
}

/// What any thread closes a listener by.
pub trait Close: Send + Sync {
    /// Closes what it listens with, so that its address is free when this returns. Called once at most,
    /// by [`remove`](crate::network::NetworkController::remove) on whatever thread, also while the loop is
    /// inside [`Local::ready`]. The loop may call the listener a few times more, which then has nothing.
    fn close(&self);
}

/// Where a listener hands what it got.
pub trait ListenerSink {
    /// A connection to be driven from now on.
    #[must_use]
    fn accept(&mut self, connection: Connection) -> Flow;

    /// A message from a peer without a connection; `more` as in [`Sink::message`](crate::adapter::Sink::message).
    #[must_use]
    fn message(&mut self, from: SocketAddr, message: Message<'_>, more: bool) -> Flow;
}
