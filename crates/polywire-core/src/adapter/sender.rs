//! What any thread sends through.

use std::any::{Any, TypeId};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::adapter::broadcast::Broadcast;
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::Endpoint;
use crate::message::{Message, MessageKind};
use crate::notifier::Notifier;
use crate::send_hint::SendHint;
use crate::send_status::SendStatus;

/// A value that an endpoint knows, to be found by its type.
pub type Info = Arc<dyn Any + Send + Sync>;

/// How a message is sent, as the flags of send(2) are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendFlags {
    /// What kind of message it is.
    pub kind: MessageKind,
    /// Whether more follows it.
    pub hint: SendHint,
}

impl SendFlags {
    /// Those of a message of that kind.
    #[inline(always)]
    pub fn new(kind: MessageKind, hint: SendHint) -> Self {
        Self { kind, hint }
    }
}

/// What any thread may do with an endpoint.
///
/// Called by many threads at once, the loop's among them, and from inside the callback. Must not
/// block, save for [`send`](Self::send) on a thread that is not the loop's.
///
/// # How a sender ends its own endpoint
///
/// A sender whose write fails has no call that ends the endpoint: the loop does, on its thread. Keep the
/// reason where the [`Remote`](crate::adapter::Remote) finds it, return [`SendStatus::ResourceNotFound`] from now on, and
/// notify [`Readiness::WRITABLE`](crate::Readiness::WRITABLE) with the [`Notifier`]. The loop then calls [`Remote::flush`](crate::adapter::Remote::flush), and
/// the endpoint ends with the reason that this returns (before it is ready: with the
/// [`Opening::Failed`](crate::adapter::Opening::Failed) of [`Remote::open`](crate::adapter::Remote::open)). To deliver first what the peer sent before it went,
/// notify [`Readiness::READABLE`](crate::Readiness::READABLE) with `ended` instead, and return [`Received::Ended`](crate::adapter::Received::Ended) after the
/// last message; a paused endpoint then ends when it is resumed. A listener does not end by itself.
pub trait Sender: Send + Sync {
    /// Tells how the loop that will drive the connection is called, and whether it runs. Called
    /// once by `connect`, before anything is sent; the loop itself may come to know the connection
    /// only later, by [`Remote::register`](crate::adapter::Remote::register). The default does nothing, which suits a sender that
    /// neither waits nor keeps anything.
    ///
    /// Not called for a connection that a listener accepted or that
    /// [`Reconnecting`](crate::Reconnecting) opened again, nor for the sender of a listener: these get
    /// their notifier from [`Registration::notifier`](crate::adapter::Registration::notifier) in [`Remote::register`](crate::adapter::Remote::register) or [`Local::register`](crate::adapter::Local::register).
    /// An accepted connection has it before the program knows the endpoint; the other two may be
    /// sent to before. Use the one of the latest `register` in any case: it is of the loop that
    /// drives the connection now.
    fn attach(&self, notifier: Notifier) {
        let _ = notifier;
    }

    /// Sends the message whole, or takes it whole to be sent later, in the order of the calls of one
    /// thread.
    ///
    /// A sender that keeps messages waits here while more than [`Limits::outbox_soft_mark`](crate::Limits::outbox_soft_mark) bytes are
    /// queued, where [`Notifier::loop_is_of_another_thread`] is true. It returns when there is room, the
    /// endpoint ends or the node stops ([`Notifier::is_stopping`]), and ends a connection whose peer
    /// takes nothing for [`Limits::stall_timeout`](crate::Limits::stall_timeout). Elsewhere it queues up to
    /// [`Limits::outbox_hard_limit`](crate::Limits::outbox_hard_limit). Before it keeps a message it asks [`Notifier::has_room`], and then
    /// calls [`Notifier::change_queued`].
    ///
    /// `to` is the endpoint that it is for; a listener without connections sends to the
    /// [address](Endpoint::addr) of that. [`SendFlags::hint`] tells whether the message may wait for those that
    /// follow it.
    fn send(&self, to: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus;

    /// As `send`, but never waits: [`SendStatus::Full`] with nothing taken while more than
    /// [`Limits::outbox_soft_mark`](crate::Limits::outbox_soft_mark) bytes wait.
    fn try_send(&self, to: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        self.send(to, message, flags)
    }

    /// Sends a message that goes to many endpoints. Never waits, as [`try_send`](Self::try_send), which the
    /// default calls.
    fn send_shared(&self, endpoint: &Endpoint, message: &Broadcast<'_>) -> SendStatus {
        let Message { bytes, kind } = message.message();
        self.try_send(endpoint, bytes, SendFlags::new(kind, SendHint::Alone))
    }

    /// Sends a message whose memory may be kept rather than copied. May wait, as [`send`](Self::send), which
    /// the default calls.
    fn send_owned(&self, endpoint: &Endpoint, message: &Bytes, kind: MessageKind) -> SendStatus {
        self.send(endpoint, message, SendFlags::new(kind, SendHint::Alone))
    }

    /// What is known of the endpoint as a value of that type, for
    /// [`info`](crate::network::NetworkController::info). Default: nothing.
    fn info(&self, type_id: TypeId) -> Option<Info> {
        let _ = type_id;
        None
    }

    /// The name of the peer at `addr`, for listeners without connections whose peers have no socket
    /// addresses: the adapter gives each a number, which
    /// [`peer_number_addr`](crate::address::peer_number_addr) makes the address of an endpoint. For
    /// [`remote_addr`](crate::network::NetworkController::remote_addr). Default: `addr` is its name.
    fn peer_name(&self, addr: SocketAddr) -> Option<RemoteAddr> {
        let _ = addr;
        None
    }

    /// Bytes taken and not yet given to the operating system.
    fn queued(&self) -> usize {
        0
    }

    /// Bytes that the operating system has taken so far of what waits; `None`, the default, where
    /// nothing waits or nobody counts.
    ///
    /// By two answers the loop tells whether the peer takes anything ([`Limits::stall_timeout`](crate::Limits::stall_timeout)). Once
    /// more than [`Limits::outbox_soft_mark`](crate::Limits::outbox_soft_mark) waits, the sender notifies `Readiness::default()` for
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

    /// The node stops: threads that wait in [`send`](Self::send) look whether they may go on
    /// ([`Notifier::is_stopping`]). Called on whatever thread stops it, maybe for an endpoint where nobody
    /// waits. The default does nothing, which suits a sender that never waits or looks often.
    fn wake(&self) {}

    /// The endpoint is over: no message is taken from now on, and no thread waits any more.
    fn end(&self) {}
}
