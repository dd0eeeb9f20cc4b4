//! What goes wrong in a world, and how often.

/// How rough the world is: each a chance in a thousand, at each call or event it applies to.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Faults {
    /// A read or a write takes only a part of what it could.
    pub short: u32,
    /// A read or a write finds nothing, or no room, although there is; readiness follows.
    pub blocked: u32,
    /// A call is interrupted.
    pub interrupted: u32,
    /// Readiness is told only later.
    pub late: u32,
    /// Readiness is told that there is not, of a resource that lives or of none.
    pub spurious: u32,
    /// A connection is reset at a read or a write.
    pub reset: u32,
    /// A connection is refused when it would be accepted.
    pub refused: u32,
    /// The system has no descriptor left to accept a connection with.
    pub exhausted: u32,
}

impl Faults {
    /// All that a healthy but unkind network does: everything but what breaks or needs time.
    pub const UNKIND: Self = Self {
        short: 500,
        blocked: 200,
        interrupted: 100,
        late: 300,
        spurious: 100,
        reset: 0,
        refused: 0,
        exhausted: 0,
    };

    /// [`UNKIND`](Self::UNKIND), and connections break and are refused.
    pub const HOSTILE: Self = Self { reset: 3, refused: 100, exhausted: 100, ..Self::UNKIND };

    /// Sets [`Self::reset`].
    #[must_use]
    pub fn with_reset(mut self, chance: u32) -> Self {
        self.reset = chance;
        self
    }
}
