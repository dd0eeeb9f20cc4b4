//! Waits of pollers that count finely enough by themselves, or have nothing finer.

use std::time::Duration;

#[derive(Default)]
pub(super) struct PreciseWait;

impl PreciseWait {
    /// How long the poller has to wait: all of it.
    pub(super) fn begin(
        &mut self,
        timeout: Option<Duration>,
        _: (&mio::Registry, mio::Token),
    ) -> Option<Duration> {
        timeout
    }

    /// No timer ends a wait.
    pub(super) fn go_on(&mut self, _: (&mio::Registry, mio::Token)) -> Option<Option<Duration>> {
        None
    }
}
