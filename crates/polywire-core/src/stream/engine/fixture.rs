//! What the tests of the engine have in common.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::adapter::{Io, Registration, Wishes};
use crate::clock::Clock;
use crate::endpoint::{Endpoint, NO_SOCKET_ADDR, ResourceId};
use crate::notifier::Notifications;
use crate::readiness::Readiness;
use crate::stream::Stream;
use crate::waker::LoopWaker;

/// The socket to a peer that never ends what it says.
#[derive(Default)]
pub(super) struct Flood {
    pub(super) is_full: AtomicBool,
    pub(super) read: AtomicUsize,
}

impl Stream for Arc<Flood> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read.fetch_add(buffer.len(), Ordering::Relaxed);
        Ok(buffer.len())
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An endpoint for messages of which nobody asks for whom they are.
pub(super) fn nobody() -> Endpoint {
    Endpoint::new(ResourceId::from(1), NO_SOCKET_ADDR)
}

/// Runs `act` with what an engine may use for one call: so large a buffer, and so many bytes to read.
pub(super) fn with_io(buffer: usize, budget: usize, act: impl FnOnce(&mut Io<'_>)) {
    let waker = Arc::new(LoopWaker::new(None));
    let notifications = Arc::new(Notifications::new(waker, Clock::default()));
    let registration = Registration {
        poller: None,
        id: ResourceId::from(1),
        notifications: &notifications,
        is_provisional: false,
    };
    let (mut buffer, mut wishes) = (vec![0; buffer], Wishes::default());
    act(&mut Io::new(registration, &mut buffer, budget, Readiness::BOTH, &mut wishes));
}
