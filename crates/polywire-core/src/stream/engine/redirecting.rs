//! A connection that is opened elsewhere before it is ready.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, PoisonError, Weak};

use crate::adapter::{Io, Opening};
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::readiness::Readiness;
use crate::stream::dialed::{Dial, Redirects, Slot};
use crate::stream::engine::Engine;
use crate::stream::engine::transient::Phase;
use crate::stream::inbox::Inbox;
use crate::stream::{Dialed, Protocol, Stream};

impl<S: Stream, P: Protocol> Engine<S, P> {
    /// Lets the protocol have the connection opened elsewhere during its handshake, by
    /// [`Protocol::open_failed`]: `dial` begins to connect to the address that this returns. Without it, the
    /// connection fails.
    ///
    /// `dial` runs on a thread of its own, and so may look a name up. Messages that were sent before stay in the
    /// outbox until the last stream is ready. [`Limits::handshake_timeout`](crate::Limits::handshake_timeout)
    /// counts from the first handshake on, for everything that follows.
    #[must_use]
    pub fn with_redirects(
        mut self,
        dial: impl Fn(&RemoteAddr) -> io::Result<Dialed<S>> + Send + Sync + 'static,
    ) -> Self {
        let redirects = Redirects { dial: Arc::new(dial), dialing: None };
        self.transient_mut().redirects = Some(Box::new(redirects));
        self
    }

    /// The protocol's last word on a connection that is not ready and fails with `reason`.
    pub(super) fn redirect(
        &mut self,
        io: &Io<'_>,
        mut reason: CloseReason,
    ) -> Result<Opening, CloseReason> {
        if self.phase() != Phase::Handshaking {
            return Err(reason);
        }
        let target = self.protocol.open_failed(&mut reason);
        let Some(addr) = target.filter(|_| !self.outbox.has_failed()) else { return Err(reason) };
        let Some(mut redirects) = self.transient_mut().redirects.take() else { return Err(reason) };
        tracing::debug!(endpoint = %io.registration.id, to = %addr, %reason, "sent elsewhere");
        let dialing = Arc::default();
        self.dial(io, &redirects.dial, (addr, &dialing))
            .map_err(|error| CloseReason::from(&error))?;
        redirects.dialing = Some(dialing);
        self.outbox.forget_handshake();
        let transient = self.transient_mut();
        transient.redirects = Some(redirects);
        transient.phase = Phase::Redirecting;
        // The stream before is closed here.
        (transient.socket, transient.inbox, transient.is_silent) = (None, Inbox::default(), false);
        Ok(Opening::Handshaking)
    }

    fn dial(
        &self,
        io: &Io<'_>,
        dial: &Dial<S>,
        (addr, slot): (RemoteAddr, &Arc<Slot<S>>),
    ) -> io::Result<()> {
        let (notifier, dial) = (io.registration.notifier(), Arc::clone(dial));
        let slot: Weak<Slot<S>> = Arc::downgrade(slot);
        notifier.clone().run_elsewhere(move || {
            // The endpoint may be over by now, and nobody needs an address.
            if slot.strong_count() == 0 || notifier.is_stopping() {
                return;
            }
            let dialed = dial(&addr);
            if let Some(slot) = slot.upgrade() {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialed);
                notifier.notify(Readiness::BOTH);
            }
        })
    }

    /// Goes on with what was dialed. Whether it was by now.
    pub(super) fn take_dialed(&mut self, io: &Io<'_>) -> Result<bool, CloseReason> {
        let Some(redirects) = &mut self.transient_mut().redirects else { return Ok(false) };
        let dialed = redirects.dialing.as_ref().and_then(|slot| {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.take()
        });
        let Some(dialed) = dialed else { return Ok(false) };
        redirects.dialing = None;
        let mut dialed = dialed.map_err(|error| CloseReason::of_opening(&error))?;
        dialed.stream.register(&io.registration).map_err(|error| CloseReason::from(&error))?;
        let transient = self.transient_mut();
        (transient.socket, transient.fallback) = (Some(dialed.stream), dialed.fallback);
        transient.phase = Phase::Connecting;
        Ok(true)
    }
}
