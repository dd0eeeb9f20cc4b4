//! What the calls of an adapter result in.

use crate::close_reason::CloseReason;

/// Whether to go on handing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Hand out nothing more in this call: the endpoint was paused or removed, the node stopped, or the turn has taken
    /// long enough. Keep what was read and not handed out: unless the endpoint is over, the next call goes on with it.
    Stop,
}

/// How far a connection is on its way to being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Still connecting: the connect timeout applies.
    Connecting,
    /// Connected, still shaking hands: the handshake timeout applies.
    Handshaking,
    /// Messages may flow: the program is told by `Connected(_, true)` or `Accepted`.
    Ready,
    /// It failed: the program is told by `Connected(_, false)`; an accepted one is only counted.
    /// The loop goes on to [`Remote::close`](crate::adapter::Remote::close), so that a refusal still reaches the peer.
    Failed(CloseReason),
}

/// How a read ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing is left to read; the source will tell when there is.
    Drained,
    /// There may be more to read: call again after the others were served.
    Unfinished,
    /// One message was delivered; the source was not checked for more, which
    /// [`Io::single_event`](crate::adapter::Io::single_event) allows. The loop calls again before it
    /// waits, up to 16 times in a row before it asks the poller.
    MayHaveMore,
    /// The connection is over.
    Ended(CloseReason),
}

/// How an accept round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepting {
    /// Nobody waits any more.
    Drained,
    /// There may be more: call again after the others were served.
    Unfinished,
    /// As [`Received::MayHaveMore`].
    MayHaveMore,
    /// The system has no descriptors or memory left: call again a little later.
    Exhausted,
}

/// How far a graceful close is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Bytes accepted for sending are still to be written.
    Flushing,
    /// All is written; the peer's own end is awaited.
    AwaitingPeer,
    /// The socket may be closed.
    Done,
    /// The socket may be closed, and something accepted for sending did not go out: where the
    /// program ended the connection, this becomes the reason that
    /// [`close_reason`](crate::network::NetworkController::close_reason) tells.
    Failed(CloseReason),
}
