//! The program's verbs.
use std::net::SocketAddr;
/// What became of a message given to `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendStatus {
    /// Taken: it reaches the peer, or the program is told by `Disconnected`.
    Sent,
    /// Longer than the transport can carry; nothing was sent.
    MaxPacketSizeExceeded,
    /// The endpoint is over, or never was.
    ResourceNotFound,
    /// The endpoint exists, but can't send now.
    ResourceNotAvailable,
    /// Too much waits to be sent already; nothing was taken. Try again later.
    Full,
}
fn _unused(_: SocketAddr) {}
