//! Where decoding stops.

/// Where decoding stopped.
pub(super) enum Stop {
    /// For want of bytes: so many are needed from the front.
    Needs(usize),
    /// The program wants nothing more, or the budget is used up.
    Sink,
    /// The handshake is done.
    Ready,
}

impl Stop {
    pub(super) fn needed(&self) -> usize {
        match self {
            Self::Needs(needed) => *needed,
            Self::Sink | Self::Ready => 0,
        }
    }
}
