//! What became of a message.

/// What became of a message given to `send` or `try_send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendStatus {
    /// Taken. On a reliable transport it reaches the peer, or the program is told by
    /// `Disconnected` (or `Connected(_, false)`). A datagram was given to the system, or will be with
    /// others of the same read or call; it may be lost.
    Sent,
    /// The message is longer than the transport can carry; nothing was sent. Split it.
    MaxPacketSizeExceeded,
    /// The transport has no way to carry this message, whatever its length, such as a line of text with a
    /// newline in it; nothing was sent.
    InvalidMessage,
    /// The endpoint ended, was removed, or never was; nothing was sent.
    ResourceNotFound,
    /// The endpoint lives but can't carry this message now: the network or the peer's address is
    /// out of reach of this machine. Nothing was sent.
    ResourceNotAvailable,
    /// Too much waits to be sent already; nothing was taken. Try again later.
    Full,
}
