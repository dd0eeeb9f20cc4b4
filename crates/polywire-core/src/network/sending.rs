//! Sending a message to an endpoint.

use std::sync::Arc;

use crate::adapter::SendFlags;
use crate::endpoint::Endpoint;
use crate::message::MessageKind;
use crate::network::{NetworkController, processor};
use crate::registry::Entry;
use crate::send_hint::current_hint;
use crate::send_status::SendStatus;

impl NetworkController {
    /// Sends `message` to `endpoint`.
    ///
    /// It leaves at once if nothing waits before it, else as soon as the peer takes it, whole and
    /// in order. Inside the callback, messages sent while more of the same read wait to be handled
    /// leave together, and so do several that one callback sends to an endpoint, when it returns (the
    /// first at once, unless the callback before sent several). Those that another thread sends without
    /// pause leave together within 50 µs. See [`flush`](Self::flush).
    ///
    /// **On a thread other than the loop's** this waits while more than [`Limits::outbox_soft_mark`] bytes
    /// are queued (1 MiB by default). It depends on nobody: it writes what the system takes, and returns
    /// when the endpoint or the node ends, so the callback may wait for this thread.
    ///
    /// **Inside the callback, to an accepted connection,** this never waits. At
    /// [`Limits::outbox_hard_limit`] queued bytes (64 MiB) it closes the connection with
    /// [`CloseReason::OutboxLimit`].
    ///
    /// **Inside the callback, to a connection that the program opened,** this waits at the hard limit, for
    /// 5 s in all, and then closes the connection with [`CloseReason::Stalled`]. If this node holds the
    /// other end, too, it does as for an accepted one.
    ///
    /// [`Limits::when_full`] changes the last two. In all cases a peer that reads nothing for
    /// [`Limits::stall_timeout`], while more than the soft mark is queued, is closed with
    /// [`CloseReason::Stalled`].
    ///
    /// Where the program does not run the loop, it writes until the system has taken the message: not
    /// longer than 1 s beside a peer that takes nothing while the program may still run the loop, and up
    /// to [`Limits::stall_timeout`] once the half that runs it was dropped. While the endpoint connects,
    /// nothing is waited for: [`is_ready`](Self::is_ready) and [`connect_sync`](Self::connect_sync) go on with that.
    ///
    /// [`CloseReason::OutboxLimit`]: crate::close_reason::CloseReason::OutboxLimit
    /// [`CloseReason::Stalled`]: crate::close_reason::CloseReason::Stalled
    /// [`Limits::outbox_hard_limit`]: crate::limits::Limits::outbox_hard_limit
    /// [`Limits::outbox_soft_mark`]: crate::limits::Limits::outbox_soft_mark
    /// [`Limits::stall_timeout`]: crate::limits::Limits::stall_timeout
    /// [`Limits::when_full`]: crate::limits::Limits::when_full
    ///
    /// ```
    /// use polywire_core::Endpoint;
    /// use polywire_core::network::{NetworkController, SendStatus};
    ///
    /// fn greet(network: &NetworkController, endpoint: Endpoint) {
    ///     match network.send(endpoint, b"hello") {
    ///         SendStatus::Sent => {}
    ///         SendStatus::ResourceNotFound => println!("{endpoint} has gone"),
    ///         other => println!("not sent: {other:?}"),
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn send(&self, endpoint: Endpoint, message: &[u8]) -> SendStatus {
        self.give(&endpoint, message, true, |entry| {
            let sender = entry.sender.as_ref()?;
            let flags = SendFlags::new(entry.answer_kind(message), current_hint());
            Some(sender.send(&endpoint, message, flags))
        })
    }

    /// As [`send`](Self::send), but never waits: [`SendStatus::Full`], with nothing taken, while
    /// more than [`Limits::outbox_soft_mark`] bytes wait.
    ///
    /// [`Limits::outbox_soft_mark`]: crate::limits::Limits::outbox_soft_mark
    ///
    /// ```
    /// use polywire_core::Endpoint;
    /// use polywire_core::network::{NetworkController, SendStatus};
    ///
    /// /// Leaves out an update that a slow peer has no use for.
    /// fn update(network: &NetworkController, endpoint: Endpoint, position: &[u8]) {
    ///     if network.try_send(endpoint, position) == SendStatus::Full {
    ///         println!("{endpoint} is slow");
    ///     }
    /// }
    /// ```
    pub fn try_send(&self, endpoint: Endpoint, message: &[u8]) -> SendStatus {
        self.give(&endpoint, message, false, |entry| {
            let sender = entry.sender.as_ref()?;
            let flags = SendFlags::new(entry.answer_kind(message), current_hint());
            Some(sender.try_send(&endpoint, message, flags))
        })
    }

    /// As [`send`](Self::send), as a message of that kind: text or binary, for the transports that tell them
    /// apart. Plain `send` answers in the kind that the peer sent last (as text only what is UTF-8); before
    /// that, and behind a kind of the transport's own, it leaves the choice to the transport, which is binary as
    /// a rule.
    ///
    /// [`SendStatus::InvalidMessage`] for text that is not UTF-8, where the transport requires that.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::{Endpoint, MessageKind};
    ///
    /// fn greet(network: &NetworkController, browser: Endpoint) {
    ///     network.send_as(browser, MessageKind::TEXT, b"hello");
    /// }
    /// ```
    pub fn send_as(&self, endpoint: Endpoint, kind: MessageKind, message: &[u8]) -> SendStatus {
        self.give(&endpoint, message, true, |entry| {
            let sender = entry.sender.as_ref()?;
            Some(sender.send(&endpoint, message, SendFlags::new(kind, current_hint())))
        })
    }

    /// Writes now what waits to be sent to `endpoint`, as far as the system takes it, rather than
    /// when the loop comes to it.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn now(network: &NetworkController, endpoint: Endpoint) {
    ///     network.send(endpoint, b"first");
    ///     network.send(endpoint, b"second");
    ///     network.flush(endpoint); // Rather than when the callback returns.
    /// }
    /// ```
    pub fn flush(&self, endpoint: Endpoint) {
        self.shared.registry.with(endpoint.resource_id(), |entry| {
            if let Some(sender) = &entry.sender {
                sender.flush();
            }
        });
    }

    /// Runs `tell` on the loop's thread or the current one once
    /// [`try_send`](Self::try_send) would take a message for `endpoint` again: at once if it would
    /// now; never if the endpoint ends before, which `Disconnected` tells. A node's program rather
    /// uses [`send_signal_when_writable`](crate::node::NodeHandler::send_signal_when_writable).
    /// `tell` must be short and not act on the network. Returns whether there is such an endpoint.
    pub(crate) fn when_writable(
        &self,
        endpoint: Endpoint,
        tell: impl FnOnce() + Send + 'static,
    ) -> bool {
        let id = endpoint.resource_id();
        let sender = self
            .shared
            .registry
            .with(id, |entry| entry.sender.as_ref().filter(|_| !entry.is_over()).map(Arc::clone));
        let Some(sender) = sender.flatten() else { return false };
        sender.when_writable(Box::new(tell));
        true
    }

    #[inline(always)]
    pub(super) fn give(
        &self,
        endpoint: &Endpoint,
        message: &[u8],
        may_wait: bool,
        send: impl FnOnce(&Entry) -> Option<SendStatus>,
    ) -> SendStatus {
        let status = self.shared.registry.with_taker(endpoint, send).flatten();
        if status == Some(SendStatus::Sent) {
            let runs_here = self.shared.count_sent(1, message.len());
            if may_wait && !runs_here {
                self.write_unless_loop_does(*endpoint);
            }
        }
        status.unwrap_or(SendStatus::ResourceNotFound)
    }

    /// Sees to the rest of what was sent, unless the loop will.
    #[inline]
    pub(super) fn write_unless_loop_does(&self, endpoint: Endpoint) {
        if !self.shared.notifications.has_runner() {
            processor::write_where_nobody_runs(&self.slot, endpoint.resource_id());
        }
    }
}
