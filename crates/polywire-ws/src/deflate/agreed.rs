//! What the two ends have agreed on.

/// The outcome of the negotiation, as this end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) sent: Direction,
    pub(crate) received: Direction,
}

/// What holds for the messages of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Direction {
    /// Whether messages may refer to earlier ones.
    pub(crate) takeover: bool,
    /// How far back, as a power of two: 8 to 15.
    pub(crate) window_bits: u8,
}
