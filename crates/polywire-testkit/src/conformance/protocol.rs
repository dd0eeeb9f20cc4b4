//! Protocols, driven by hand.

pub mod checks;
mod drive;
mod list;

use std::fmt;
use std::sync::Arc;

use polywire_core::stream::Protocol;

use super::assert_in_time;

pub(super) use drive::{Link, Rule, Side};

/// The protocol under test: how its two ends are made. Clones are the same one.
pub struct ProtocolSubject<P> {
    connecting: Arc<dyn Fn() -> P + Send + Sync>,
    accepting: Arc<dyn Fn() -> P + Send + Sync>,
    packets: bool,
}

impl<P: Protocol> ProtocolSubject<P> {
    /// A protocol whose connecting ends come from `connecting` and whose accepting ends come from `accepting`.
    pub fn new(
        connecting: impl Fn() -> P + Send + Sync + 'static,
        accepting: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        Self { connecting: Arc::new(connecting), accepting: Arc::new(accepting), packets: true }
    }

    /// Whether a message arrives as it was sent; [`conformance!`](crate::conformance!) calls this.
    #[must_use]
    pub fn with_packets(self, packets: bool) -> Self {
        Self { packets, ..self }
    }

    /// Runs a check twice: most look at the end that accepts, and so at each end once.
    #[doc(hidden)]
    pub fn __assert_holds(self, name: &str, check: fn(&Self)) {
        let (connecting, accepting) = (Arc::clone(&self.accepting), Arc::clone(&self.connecting));
        let swapped = Self { connecting, accepting, ..self };
        for (subject, ends) in [(self, ""), (swapped, ", with its ends swapped")] {
            assert_in_time(&format!("{name}{ends}"), move || check(&subject));
        }
    }

    fn connecting(&self) -> P {
        (self.connecting)()
    }

    fn accepting(&self) -> P {
        (self.accepting)()
    }
}

impl<P> Clone for ProtocolSubject<P> {
    fn clone(&self) -> Self {
        let (connecting, accepting) = (Arc::clone(&self.connecting), Arc::clone(&self.accepting));
        Self { connecting, accepting, packets: self.packets }
    }
}

impl<P> fmt::Debug for ProtocolSubject<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolSubject").field("packets", &self.packets).finish_non_exhaustive()
    }
}
