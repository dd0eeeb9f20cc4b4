//! The phases of a world.

/// What the world goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Everybody does anything.
    Acting,
    /// Faults are over, everything is resumed, and what is under way arrives.
    Resting,
    /// Each end that lives has sent one more message, which arrives.
    LastWords,
    Over,
}
