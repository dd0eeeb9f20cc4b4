//! What an adapter is for.

/// What an adapter says it can do; see [`conformance!`](crate::conformance!).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the macro")]
pub struct Capabilities {
    /// It has connections.
    pub connections: bool,
    /// A message arrives as it was sent.
    pub packets: bool,
    /// Messages arrive in the order in which they were sent.
    pub order: bool,
    /// Messages arrive.
    pub reliability: bool,
    /// Each direction ends by itself: a side that closes still reads while it writes what is left.
    pub half_close: bool,
    /// Bytes of a message at most.
    pub largest_message: Option<usize>,
}
