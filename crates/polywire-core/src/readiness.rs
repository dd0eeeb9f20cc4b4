//! What a source is ready for.

/// What a source is ready for. Hints only: they may be spurious, and are often merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read may find bytes, a connection to accept, the peer's end, or an error.
    pub readable: bool,
    /// A write may find room, or a connect may have ended.
    pub writable: bool,
    /// The peer ended its side, sent urgent data, or the source failed: read on until that shows,
    /// even where a short read would mean drained, because no further readiness will tell.
    pub ended: bool,
}

impl Readiness {
    /// Ready to be read only.
    pub const READABLE: Self = Self { readable: true, writable: false, ended: false };
    /// Ready to be written only.
    pub const WRITABLE: Self = Self { readable: false, writable: true, ended: false };
    /// Ready for both.
    pub const BOTH: Self = Self { readable: true, writable: true, ended: false };
}
