//! How well a network carries what is sent.

use std::time::Duration;

use crate::random::Random;

/// How well a network carries what is sent: [`MemoryNetwork::set_conditions`](crate::MemoryNetwork::set_conditions).
///
/// The default loses and delays nothing. Probabilities are from 0 to 1. A stream knows `delay` and `cuts` alone: as
/// TCP, it repairs the rest.
///
/// ```
/// use polywire_memory::Conditions;
/// use std::time::Duration;
///
/// let radio = Conditions::default()
///     .with_loss(0.05)
///     .with_delay(Duration::from_millis(20), Duration::from_millis(80));
/// assert_eq!(radio.loss, 0.05);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Conditions {
    /// Probability that a message is lost: `send` says `Sent`, and nobody is told.
    pub loss: f64,
    /// Probability that a message comes twice.
    pub duplication: f64,
    /// Probability that a message overtakes others that are under way to the same peer.
    pub reordering: f64,
    /// Probability that the bytes of a stream are cut where nobody sent a part of its own. What is sent without a
    /// pause comes joined anyway.
    pub cuts: f64,
    /// The least time that a message or a byte is under way.
    pub min_delay: Duration,
    /// The most. Each message has a delay of its own from between, and overtakes none by that.
    pub max_delay: Duration,
}

impl Conditions {
    /// Sets [`Self::loss`].
    #[must_use]
    pub fn with_loss(mut self, probability: f64) -> Self {
        self.loss = probability;
        self
    }

    /// Sets [`Self::duplication`].
    #[must_use]
    pub fn with_duplication(mut self, probability: f64) -> Self {
        self.duplication = probability;
        self
    }

    /// Sets [`Self::reordering`].
    #[must_use]
    pub fn with_reordering(mut self, probability: f64) -> Self {
        self.reordering = probability;
        self
    }

    /// Sets [`Self::cuts`].
    #[must_use]
    pub fn with_cuts(mut self, probability: f64) -> Self {
        self.cuts = probability;
        self
    }

    /// Sets [`Self::min_delay`] and [`Self::max_delay`].
    #[must_use]
    pub fn with_delay(mut self, min: Duration, max: Duration) -> Self {
        (self.min_delay, self.max_delay) = (min, max);
        self
    }

    /// A delay, if there is to be one.
    pub(crate) fn draw_delay(&self, random: &mut Random) -> Option<Duration> {
        let span = self.max_delay.saturating_sub(self.min_delay);
        let span = usize::try_from(span.as_nanos()).unwrap_or(usize::MAX - 1);
        let more = if span > 0 { random.below(span + 1) } else { 0 };
        let delay = self.min_delay + Duration::from_nanos(more as u64);
        (!delay.is_zero()).then_some(delay)
    }
}
