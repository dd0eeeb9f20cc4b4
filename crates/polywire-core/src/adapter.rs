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
//! A transport of messages that keeps some of them, because its peer or the system is slow, keeps them in a
//! [`MessageQueue`], which does all that its [`Sender`] has to.
//!
//! # Who does what
//!
//! The loop keeps the endpoints' ids and states, the events and their order, close reasons,
//! time-outs, fairness, and back-off when descriptors run out. The adapter reads and writes.
//! Nothing here may block, on any thread, and nothing may panic for what a peer sent.

mod accept_error;
mod adopted;
mod broadcast;
mod connection;
mod driver;
mod listener;
mod message_queue;
mod outcome;
mod registration;
mod sender;

use std::io;

use crate::address::RemoteAddr;

pub use crate::send_hint::SendHint;
pub use crate::writer::Writer;
pub use accept_error::AcceptError;
pub use adopted::Adopted;
pub use broadcast::Broadcast;
pub(crate) use connection::{Attempt, Reconnect};
pub use connection::{Connection, Remote, Sink};
pub use driver::Driver;
pub use listener::{Accepted, Close, Listener, ListenerSink, Local};
pub use message_queue::{MessageQueue, MessageStore, Messages, Written};
pub use outcome::{Accepting, Closing, Flow, Opening, Received};
pub(crate) use registration::Wishes;
pub use registration::{Io, Registration, SharedRegistration};
pub use sender::{Info, SendFlags, Sender};

/// The tag of adapters that have no number of their own.
pub const CUSTOM_TAG: u8 = 127;

/// A value that opens connections; it is what `network.connect(value, address)` takes.
///
/// To choose among several at run time use a `Box<dyn Connect>`: `network.connect(&*boxed, address)`.
pub trait Connect {
    /// Shown by [`ResourceId::adapter_id`](crate::ResourceId::adapter_id); bits above the seventh are dropped. Default: 127.
    fn tag(&self) -> u8 {
        CUSTOM_TAG
    }

    /// Whether [`connect`](Self::connect) to `addr` may wait, to look a host name up: then
    /// [`Reconnecting`](crate::Reconnecting) calls it on a thread of its own. Default: if the address is text.
    fn looks_up(&self, addr: &RemoteAddr) -> bool {
        addr.is_string()
    }

    /// Begins to connect to `addr` and returns without waiting for the peer.
    ///
    /// Called on the thread of the program's `connect`. Looking a host name up is the one thing
    /// that may wait here. What this returns is driven by [`Remote::open`] until it is ready.
    ///
    /// # Errors
    ///
    /// Told to the caller of `connect`, who then has no endpoint and gets no event. Say what to do
    /// about it. Return errors of the system as they are: the program gets one of the same kind, with the
    /// [`CloseReason`](crate::CloseReason) that the [table](crate::CloseReason#impl-From<%26Error>-for-CloseReason)
    /// gives it, which is `Refused` where nobody listens at the address. Make one of a `CloseReason` where another
    /// fits better. An address or a configuration that is wrong is `InvalidInput` or `Unsupported`: these and
    /// `Other` reach the program as they are, with the error inside.
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection>;
}

/// A value that opens listeners; it is what `network.listen(value, address)` takes.
///
/// To choose among several at run time use a `Box<dyn Listen>`:
///
/// ```
/// use polywire_core::adapter::Listen;
/// use polywire_core::network::NetworkController;
///
/// fn listen_by_all(network: &NetworkController, transports: &[Box<dyn Listen>]) -> std::io::Result<()> {
///     for transport in transports {
///         network.listen(&**transport, "127.0.0.1:0")?;
///     }
///     Ok(())
/// }
/// ```
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

    fn looks_up(&self, addr: &RemoteAddr) -> bool {
        (**self).looks_up(addr)
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
