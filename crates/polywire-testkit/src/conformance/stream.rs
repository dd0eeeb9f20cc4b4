//! Streams, read and written by hand.

pub mod checks;
mod drive;
mod list;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::stream::Stream;

use super::run::{limit_of, run_in_time};

/// What a check waits for comes sooner, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(10);

type MakePair<S, T> = dyn Fn() -> (S, T) + Send + Sync;

/// The stream under test: how a pair of connected ends is made. They are never registered with a poller, and have not
/// shaken hands yet where a layer does. Clones are the same one.
pub struct StreamSubject<S, T> {
    pair: Arc<MakePair<S, T>>,
    deadline: Duration,
    marks_end: bool,
}

impl<S: Stream, T: Stream> StreamSubject<S, T> {
    /// Streams of which `pair` makes two that are connected with each other: for a layer, the connecting and the
    /// accepting one.
    pub fn new(pair: impl Fn() -> (S, T) + Send + Sync + 'static) -> Self {
        Self { pair: Arc::new(pair), deadline: DEADLINE, marks_end: false }
    }

    /// How long a check waits for what must come. Default: 10 seconds. A whole check takes at most six times that, or a
    /// minute if that is longer.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// `shutdown_write` tells the peer something that an end which is dropped without it does not, such as TLS's
    /// close_notify or a record of a device. So a peer that is lost must not look like one that has ended: then
    /// `read` fails, and does not return 0. By default nobody asks: the end of a TCP or a Unix socket is the same
    /// in both cases.
    #[must_use]
    pub fn with_marked_end(self) -> Self {
        Self { marks_end: true, ..self }
    }
}

impl<S: Stream + 'static, T: Stream + 'static> StreamSubject<S, T> {
    #[doc(hidden)]
    pub fn __assert_holds(self, name: &str, check: fn(&Self)) {
        let limit = limit_of(self.deadline);
        if let Err(fault) = run_in_time(limit, move || check(&self)) {
            panic!("{name}: {fault}");
        }
    }
}

impl<S, T> Clone for StreamSubject<S, T> {
    fn clone(&self) -> Self {
        Self { pair: Arc::clone(&self.pair), ..*self }
    }
}

impl<S, T> fmt::Debug for StreamSubject<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSubject")
            .field("deadline", &self.deadline)
            .field("marks_end", &self.marks_end)
            .finish_non_exhaustive()
    }
}
