//! Waiting by mio, on every system.

use std::io;
use std::time::Duration;

use crate::readiness::Readiness;

/// Up to so many events that a wait brings.
pub(super) struct Events<const CAPACITY: usize>(mio::Events);

impl<const CAPACITY: usize> Events<CAPACITY> {
    pub(super) fn new() -> Self {
        Self(mio::Events::with_capacity(CAPACITY))
    }

    /// Waits for at most `timeout` and hands out what is ready.
    pub(super) fn wait(
        &mut self,
        poll: &mut mio::Poll,
        timeout: Option<Duration>,
        mut tell: impl FnMut(mio::Token, Readiness),
    ) -> io::Result<()> {
        let mut result = poll.poll(&mut self.0, timeout);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            // Nothing was looked at, and whoever waited must know what there is by now.
            result = poll.poll(&mut self.0, Some(Duration::ZERO));
        }
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.0 {
            // Urgent data ends a read short of what is behind it, though more is there: tcp(7).
            let ended = event.is_read_closed() || event.is_error() || event.is_priority();
            let readiness = Readiness {
                readable: event.is_readable() || ended,
                writable: event.is_writable() || event.is_write_closed() || event.is_error(),
                ended,
            };
            tell(event.token(), readiness);
        }
        Ok(())
    }
}
