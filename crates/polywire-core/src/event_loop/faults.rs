//! Faults of adapters. A panic ends its own endpoint, and the node goes on; one of the program's callback goes
//! on out of the loop.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::adapter::Wishes;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::event_loop::blame::{Culprit, reason_of, take_culprit};
use crate::event_loop::resource::Resource;
use crate::event_loop::{EventHandler, EventLoop};
use crate::shared::warnings::Warning;

/// Times in a row that an adapter may take nothing and say that it has not finished.
const MAX_UNFINISHED: usize = 1000;

impl EventLoop {
    /// Runs `run` until it returns. When an adapter panics its endpoint ends, and `run` begins anew; any
    /// other panic goes on.
    pub(crate) fn outlive_adapters<H: EventHandler, R>(
        &mut self,
        callback: &mut H,
        mut run: impl FnMut(&mut Self, &mut H) -> R,
    ) -> R {
        loop {
            match catch_unwind(AssertUnwindSafe(|| run(self, callback))) {
                Ok(result) => return result,
                Err(panic) => match take_culprit() {
                    // One that is not in its place was lost, and with it what it counted for.
                    Some(Culprit::Adapter(id)) if self.resource(id).is_some() => {
                        // What it asked for and brought is not the next one's.
                        self.wishes = Wishes::default();
                        self.accepted.clear();
                        let name = self.resource(id).map_or("an adapter", Resource::type_name);
                        self.end_faulty(id, reason_of(name, &*panic), callback);
                    }
                    _ => resume_unwind(panic),
                },
            }
        }
    }

    /// An adapter says that it has not finished what it was called for, and took something meanwhile or did
    /// not: again and again, that makes the loop spin.
    pub(super) fn note_unfinished(&mut self, id: ResourceId, took_something: bool) {
        self.unfinished = if took_something { 0 } else { self.unfinished + 1 };
        if self.unfinished >= MAX_UNFINISHED && self.shared.warnings.may_warn(Warning::Spinning) {
            tracing::warn!(
                resource = %id,
                "the adapter returns Unfinished again and again and takes nothing: return Drained \
                 and notify readiness when there is more"
            );
        }
    }

    #[cold]
    pub(super) fn end_faulty(
        &mut self,
        id: ResourceId,
        reason: CloseReason,
        callback: &mut dyn EventHandler,
    ) {
        if id.is_remote() {
            return self.give_up(id, reason, callback);
        }
        if let Some(listener) = self.resource(id) {
            listener.entry.end();
        }
        self.shared.reasons.replace(id, reason);
        self.remove(id);
    }
}

/// A reason that an adapter gives for an end. Those that only the program or the node may give, and of which no
/// event is told, become the fault that they are.
pub(super) fn checked_reason(resource: &mut Resource, reason: CloseReason) -> CloseReason {
    match reason {
        CloseReason::Removed | CloseReason::NodeStopped => false_reason(resource, &reason),
        reason => reason,
    }
}

#[cold]
fn false_reason(resource: &mut Resource, reason: &CloseReason) -> CloseReason {
    let text = format!(
        "{}: `CloseReason::{reason:?}` is for the program's own ends: an adapter ends an endpoint with another",
        resource.type_name(),
    );
    tracing::error!("an adapter is at fault: {text}");
    CloseReason::AdapterFault(text.into())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::adapter::{
        Connect, Connection, Io, Opening, Received, Remote, SendFlags, Sender, Sink,
    };
    use crate::address::RemoteAddr;
    use crate::endpoint::Endpoint;
    use crate::message::Message;
    use crate::network;
    use crate::readiness::Readiness;
    use crate::send_status::SendStatus;

    /// Never finished, though there is nothing to take; or there is a message each time.
    #[derive(Clone, Copy)]
    struct Unfinished {
        has_messages: bool,
    }

    impl Connect for Unfinished {
        fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
            Ok(Connection::new(*self, addr.clone(), addr.clone()))
        }
    }

    impl Sender for Unfinished {
        fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
            SendStatus::Sent
        }
    }

    impl Remote for Unfinished {
        fn sender(&self) -> Arc<dyn Sender> {
            Arc::new(*self)
        }

        fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
            io.registration.notifier().notify(Readiness::READABLE);
            Ok(())
        }

        fn open(&mut self, _: &mut Io<'_>) -> Opening {
            Opening::Ready
        }

        fn receive(&mut self, _: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
            if self.has_messages {
                let _ = sink.message(Message::binary(b"one"), false);
            }
            Received::Unfinished
        }
    }

    #[test]
    fn an_adapter_that_makes_the_loop_spin_is_warned_of() {
        for (has_messages, is_warned_of) in [(false, true), (true, false)] {
            let (network, mut processor) = network::split();
            network.connect(Unfinished { has_messages }, "nowhere").unwrap();
            for _ in 0..MAX_UNFINISHED + 10 {
                processor.process_poll_event(Some(Duration::ZERO), |_| {});
            }
            assert_eq!(!network.shared.warnings.may_warn(Warning::Spinning), is_warned_of);
        }
    }
}
