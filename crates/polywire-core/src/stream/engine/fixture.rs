//! What the tests of the engine have in common.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::adapter::{Io, Registration};
use crate::clock::Clock;
use crate::endpoint::ResourceId;
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

/// Runs `act` with what an engine may use for one call: so large a buffer, and so many bytes to read.
pub(super) fn with_io(buffer: usize, budget: usize, act: impl FnOnce(&mut Io<'_>)) {
    let waker = Arc::new(LoopWaker::new(None));
    let notifications = Arc::new(Notifications::new(waker, Clock::default()));
    let registration = Registration {
        registry: None,
        id: ResourceId::from(1),
        notifications: &notifications,
        is_provisional: false,
    };
    act(&mut Io {
        buffer: &mut vec![0; buffer],
        budget,
        readiness: Readiness::BOTH,
        half_received: 0,
        single_event: false,
        registration,
    });
}
