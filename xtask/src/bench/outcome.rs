//! How the runs of a contestant ended, and what they come to.

use super::values::Values;

/// How a run ended.
pub(crate) enum Outcome {
    Measured(Values),
    /// The contestant lost or mixed up so many messages, or more.
    Lost(f64, Values),
    /// It said nothing more, and did not end.
    Hung(String),
    /// It ended too early, or could not be started.
    Broke(String),
}

impl Outcome {
    /// What was measured, if the run came to its end.
    pub(crate) fn values(&self) -> Option<&Values> {
        match self {
            Self::Measured(values) | Self::Lost(_, values) => Some(values),
            Self::Hung(_) | Self::Broke(_) => None,
        }
    }
}

/// One contestant's outcomes in one case.
pub(crate) struct Entry {
    pub(crate) contestant: &'static str,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Entry {
    /// A peer that loses messages or waits for ever is a result; a program that breaks is not, and
    /// neither is polywire doing the like.
    pub(crate) fn has_broken(&self) -> bool {
        self.outcomes.iter().any(|outcome| match outcome {
            Outcome::Broke(_) => true,
            Outcome::Lost(..) | Outcome::Hung(_) => self.contestant.starts_with("polywire"),
            Outcome::Measured(_) => false,
        })
    }

    /// The lowest, the median and the highest of what was measured.
    pub(crate) fn spread(&self, key: &str) -> Option<[f64; 3]> {
        let values = self.outcomes.iter().filter_map(|outcome| outcome.values()?.get(key).copied());
        low_median_high(values.collect())
    }
}

/// The lowest, the median and the highest of `values`.
pub(crate) fn low_median_high(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    Some([*values.first()?, values[values.len() / 2], *values.last()?])
}
