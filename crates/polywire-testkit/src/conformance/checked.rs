//! A connection under observation.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use polywire_core::adapter::{
    Closing, Connection, Flow, Io, Opening, Received, Remote, Sender, Sink,
};
use polywire_core::{CloseReason, Limits, Message};

/// A [`Remote`] that panics where the one inside breaks a rule of its trait that no event shows. The loop ends the
/// endpoint then, with a [`CloseReason::AdapterFault`] that names the rule, and the check that was running fails.
///
/// ```
/// # use polywire_core::{adapter::{Connection, Remote}, address::RemoteAddr};
/// #[cfg(test)] // This crate is only there for tests.
/// use polywire_testkit::conformance::Checked;
///
/// fn connection(remote: impl Remote + 'static, peer: RemoteAddr, local: RemoteAddr) -> Connection {
///     #[cfg(test)]
///     let remote = Checked::new(remote);
///     Connection::new(remote, peer, local)
/// }
/// ```
///
/// The files under `tests` get an adapter that was compiled without `cfg(test)`. So call
/// [`conformance!`](crate::conformance!) in a module under `src`:
///
/// ```
/// #[cfg(test)]
/// mod tests {
///     polywire_testkit::conformance! {
/// #       adapter serial = unimplemented!();
///         // As everywhere.
/// #       connections: yes, packets: yes, order: yes, reliability: yes, half_close: yes, largest_message: none,
///     }
/// }
/// ```
pub struct Checked<R> {
    inner: R,
    /// That of `inner`, which gives it once.
    sender: OnceLock<Arc<dyn Sender>>,
    is_registered: bool,
    is_ready: bool,
    is_over: bool,
}

impl<R: Remote> Checked<R> {
    /// Watches what `inner` does.
    pub fn new(inner: R) -> Self {
        let sender = OnceLock::new();
        Self { inner, sender, is_registered: false, is_ready: false, is_over: false }
    }

    #[track_caller]
    fn assert_registered(&self, method: &str) {
        assert!(self.is_registered, "`{method}` is called after `register`");
    }
}

/// What was handed out in one call of `receive`.
struct Watch<'a> {
    sink: &'a mut dyn Sink,
    budget: usize,
    bytes: usize,
    messages: usize,
    is_stopped: bool,
}

impl Watch<'_> {
    #[track_caller]
    fn assert_wanted(&self) {
        assert!(!self.is_stopped, "`receive` hands out nothing after `Flow::Stop`");
        assert!(
            self.bytes < self.budget.max(1),
            "`receive` stops when the budget of {} bytes is used up, here after {}",
            self.budget,
            self.bytes
        );
    }
}

impl Sink for Watch<'_> {
    fn message(&mut self, message: Message<'_>, more: bool) -> Flow {
        self.assert_wanted();
        self.bytes += message.bytes.len();
        self.messages += 1;
        let flow = self.sink.message(message, more);
        self.is_stopped |= flow == Flow::Stop;
        flow
    }

    fn accept(&mut self, connection: Connection) -> Flow {
        assert!(!self.is_stopped, "`receive` hands out nothing after `Flow::Stop`");
        let flow = self.sink.accept(connection);
        self.is_stopped |= flow == Flow::Stop;
        flow
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would answer in place of the one inside")]
impl<R: Remote> Remote for Checked<R> {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::clone(self.sender.get_or_init(|| self.inner.sender()))
    }

    fn limits(&self) -> Arc<Limits> {
        self.inner.limits()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.inner.peer_addr()
    }

    fn names_peer(&self) -> bool {
        self.inner.names_peer()
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.is_registered = true;
        self.inner.register(io)
    }

    fn deregister(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.assert_registered("deregister");
        self.is_registered = false;
        self.inner.deregister(io)
    }

    fn open(&mut self, io: &mut Io<'_>) -> Opening {
        self.assert_registered("open");
        assert!(!self.is_ready, "`open` is called until it is ready");
        let opening = self.inner.open(io);
        self.is_ready = opening == Opening::Ready;
        opening
    }

    fn next_address(&mut self, io: &mut Io<'_>) -> bool {
        self.inner.next_address(io)
    }

    fn timed_out(&mut self) -> CloseReason {
        self.inner.timed_out()
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        self.assert_registered("receive");
        assert!(self.is_ready && !self.is_over, "`receive` is called between ready and over");
        let (budget, bytes, messages) = (io.budget, 0, 0);
        let mut watch = Watch { sink, budget, bytes, messages, is_stopped: false };
        let received = self.inner.receive(io, &mut watch);
        let Watch { bytes, is_stopped, .. } = watch;
        assert!(io.budget <= budget, "`receive` takes from the budget, and adds nothing");
        assert!(
            bytes == 0 || io.budget < budget,
            "`receive` takes from the budget what it has handed out: {bytes} bytes"
        );
        let may_have_more = received == Received::MayHaveMore;
        assert!(
            !may_have_more || io.single_event && watch.messages > 0,
            "`MayHaveMore` is for after a message, where the program goes on after one event"
        );
        let is_end = matches!(received, Received::Ended(_));
        assert!(
            !is_stopped || is_end || received == Received::Unfinished,
            "`receive` is `Unfinished` after `Flow::Stop`, not {received:?}"
        );
        self.is_over = is_end;
        received
    }

    fn heartbeat(&mut self, io: &mut Io<'_>) {
        self.inner.heartbeat(io);
    }

    fn control(&mut self, io: &mut Io<'_>, value: Box<dyn Any + Send>) -> Result<(), CloseReason> {
        self.inner.control(io, value)
    }

    fn expire(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        self.inner.expire(io)
    }

    fn flush(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        self.assert_registered("flush");
        self.inner.flush(io)
    }

    fn close(&mut self, io: &mut Io<'_>, reason: &CloseReason) -> Closing {
        self.is_over = true;
        let closing = self.inner.close(io, reason);
        // Elsewhere the reason itself says that not all went out.
        let is_wanted = matches!(
            reason,
            CloseReason::Removed | CloseReason::NodeStopped | CloseReason::ClosedWith { .. }
        );
        let queued = self.sender.get().map_or(0, |sender| sender.queued());
        assert!(
            closing != Closing::Done || queued == 0 || !is_wanted,
            "`close` is `Failed` rather than `Done` where something that was accepted did not go out"
        );
        closing
    }

    fn type_name(&self) -> &'static str {
        self.inner.type_name()
    }
}

impl<R> fmt::Debug for Checked<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("is_ready", &self.is_ready).finish_non_exhaustive()
    }
}
