//! Why an endpoint ended.

mod layer_error;
mod refusal;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

pub use layer_error::LayerError;
pub use refusal::Refusal;

/// Text of a reason: borrowed where it is fixed, owned where it carries facts.
pub type Text = Cow<'static, str>;

/// Why an endpoint ended, or never came to be.
///
/// Told by [`close_reason`](crate::network::NetworkController::close_reason) for an endpoint whose
/// `Disconnected` or `Connected(_, false)` was delivered, and carried inside the `io::Error` of a
/// `connect` or `connect_sync` that failed (see [`CloseReason::of`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer ended the connection in the way its protocol provides.
    PeerClosed,
    /// The peer ended it with a code and a text (WebSocket, RFC 6455 section 7.4).
    PeerClosedWith {
        /// The peer's code: 1000 for a normal end.
        code: u16,
        /// The peer's text, often empty.
        text: String,
    },
    /// The stream ended without the close frame of its protocol: the peer died, or something between cut
    /// the connection (WebSocket's 1006, RFC 6455 section 7.1.5). Messages may be missing.
    AbnormalClosure,
    /// The connection was reset: the peer died, or closed without reading what was sent to it.
    Reset,
    /// The peer stopped responding: the system gave up sending to it, or keepalive probes had no answer.
    TimedOut,
    /// Nobody listens at the address.
    Refused,
    /// The peer did not answer within the connect timeout.
    ConnectTimeout,
    /// The peer connected but did not finish its handshake in time.
    HandshakeTimeout,
    /// The peer answered, but not with the handshake of this transport. What it said instead is the
    /// [detail](Refusal::detail), in a type of the transport's own; it is kept of the last 64 refusals.
    HandshakeRefused(Refusal),
    /// The peer asked for something other than a connection, such as a page over HTTP, and was answered. That
    /// is no failed handshake: a listener counts it in [`Stats::answered`](crate::network::Stats::answered).
    Answered,
    /// The host name has no address.
    Unresolved(Text),
    /// The peer sent what its protocol does not allow.
    ProtocolViolation(Text),
    /// A layer under the protocol, such as TLS, ended the connection: a certificate that is not trusted, a
    /// stream that was cut. The error is of the layer's own type.
    Layer(LayerError),
    /// The peer announced a message longer than this side accepts.
    MessageTooLarge {
        /// Bytes the peer announced; `u64::MAX` if it is more than fits.
        size: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The peer reads slower than the program sends: the outbox reached its hard limit.
    OutboxLimit {
        /// Bytes that were waiting.
        queued: usize,
    },
    /// More than the soft mark was queued, and the peer read none of it for
    /// [`Limits::stall_timeout`](crate::Limits).
    Stalled,
    /// The rest of a message did not arrive in time ([`Limits::message_timeout`](crate::Limits)).
    MessageTimeout,
    /// Nothing was received for [`Limits::idle_timeout`](crate::Limits).
    IdleTimeout,
    /// The node reached its buffer limit ([`NodeLimits::max_buffered`](crate::NodeLimits)), and this
    /// connection held most.
    NodeMemory,
    /// Queued data could not be sent within the linger time ([`Limits::linger`](crate::Limits)).
    LingerTimeout,
    /// The adapter or the program panicked while a message was framed or written.
    Panicked,
    /// The adapter broke a rule of its contract, which the text names with the adapter. A debug build
    /// panics there instead.
    AdapterFault(Text),
    /// The connection was open for as long as its transport's configuration lets it be, and this side closed it.
    MaxLifetime,
    /// The program closed the connection with a code and a text (WebSocket, RFC 6455 section 7.4).
    ClosedWith {
        /// The program's code: 1000 for a normal end.
        code: u16,
        /// The program's text, often empty.
        text: String,
    },
    /// The program removed the endpoint.
    Removed,
    /// The node was stopped.
    NodeStopped,
    /// The operating system failed the connection for another reason.
    Io(io::ErrorKind, Text),
}

impl CloseReason {
    /// The reason inside an error of `connect` or `connect_sync`, if it has one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        let inner = error.get_ref()?;
        inner.downcast_ref().or_else(|| Some(&inner.downcast_ref::<Explained>()?.reason))
    }

    /// Whether it carries more than a text.
    pub(crate) fn has_detail(&self) -> bool {
        matches!(self, Self::HandshakeRefused(refusal) if refusal.has_detail())
    }

    /// Keeps the text alone.
    pub(crate) fn forget_detail(&mut self) {
        if let Self::HandshakeRefused(refusal) = self {
            *refusal = Refusal::new(refusal.text().to_owned());
        }
    }

    /// The reason of a connection that failed to open with `error`.
    pub(crate) fn of_opening(error: &io::Error) -> Self {
        let has_none = Self::of(error).is_none();
        match Self::from(error) {
            Self::TimedOut => Self::ConnectTimeout,
            // Where an address is a path, nobody listens on one that is not there.
            Self::Io(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) if has_none => {
                Self::Refused
            }
            reason => reason,
        }
    }

    /// The error of an adapter that could not begin to connect to `addr`, as the program gets it: of the same kind,
    /// and with a reason. A mistake of the program's own has none, and keeps the type of error that says what it is.
    pub(crate) fn explain_opening(error: io::Error, addr: &impl fmt::Display) -> io::Error {
        let is_own_mistake = matches!(
            error.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::Other
        );
        if is_own_mistake || Self::of(&error).is_some() {
            return error;
        }
        let text = match error.get_ref() {
            Some(_) => error.to_string(), // The adapter's own words.
            None => format!("can't connect to {addr}: {error}"),
        };
        io::Error::new(error.kind(), Explained { text, reason: Self::of_opening(&error) })
    }

    /// Whether the program or the node itself wanted it: what was sent is then still worth waiting for.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self, Self::Removed | Self::NodeStopped | Self::ClosedWith { .. })
    }

    /// The error of a connection to `addr` that ended for this reason.
    pub(crate) fn at(self, addr: impl fmt::Display) -> io::Error {
        let kind = io::Error::from(self.clone()).kind();
        io::Error::new(kind, Explained { text: format!("{addr}: {self}"), reason: self })
    }
}

/// A reason, with a text that says more: the address of whom it was about.
#[derive(Debug)]
struct Explained {
    text: String,
    reason: CloseReason,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Explained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::PeerClosedWith { code, text } => write_closed_with(f, "peer", *code, text),
            Self::AbnormalClosure => f.write_str("the stream ended without a close frame"),
            Self::Reset => f.write_str("the connection was reset by the peer"),
            Self::TimedOut => f.write_str("the peer stopped responding"),
            Self::Refused => f.write_str("connection refused: nobody listens at that address"),
            Self::ConnectTimeout => {
                f.write_str("the peer did not answer within the connect timeout")
            }
            Self::HandshakeTimeout => f.write_str("the handshake was not finished in time"),
            Self::HandshakeRefused(refusal) => write!(f, "the handshake was refused: {refusal}"),
            Self::Answered => f.write_str("the peer asked for no connection, and was answered"),
            Self::Unresolved(text) => f.write_str(text),
            Self::ProtocolViolation(text) => write!(f, "the peer violated the protocol: {text}"),
            Self::Layer(error) => fmt::Display::fmt(error, f),
            Self::MessageTooLarge { size, max } => {
                write!(f, "the peer announced a message of {size} bytes, at most {max} are allowed")
            }
            Self::OutboxLimit { queued } => {
                write!(f, "the peer reads too slowly: {queued} bytes were waiting to be sent")
            }
            Self::Stalled => {
                f.write_str("the peer stopped reading for longer than the stall timeout")
            }
            Self::MessageTimeout => f.write_str("the rest of a message did not arrive in time"),
            Self::IdleTimeout => f.write_str("nothing was received for the idle timeout"),
            Self::NodeMemory => f.write_str("the node's buffer limit was reached"),
            Self::LingerTimeout => {
                f.write_str("queued data could not be sent within the linger time")
            }
            Self::Panicked => f.write_str("the adapter or the program panicked in a send"),
            Self::AdapterFault(text) => write!(f, "the adapter is at fault: {text}"),
            Self::MaxLifetime => f.write_str("the connection reached its maximum lifetime"),
            Self::ClosedWith { code, text } => write_closed_with(f, "program", *code, text),
            Self::Removed => f.write_str("the program removed the endpoint"),
            Self::NodeStopped => f.write_str("the node was stopped"),
            Self::Io(_, text) => f.write_str(text),
        }
    }
}

fn write_closed_with(f: &mut fmt::Formatter<'_>, who: &str, code: u16, text: &str) -> fmt::Result {
    let colon = if text.is_empty() { "" } else { ": " };
    write!(f, "the {who} closed the connection with code {code}{colon}{text}")
}

impl Error for CloseReason {}

impl From<&io::Error> for CloseReason {
    /// The reason an operating system's error amounts to: what an adapter returns for a read or a write
    /// that failed.
    ///
    /// | error | [kind](io::Error::kind) | reason |
    /// |---|---|---|
    /// | one made of a reason | | that reason |
    /// | `ECONNREFUSED` | `ConnectionRefused` | [`Refused`](Self::Refused) |
    /// | `ECONNRESET` | `ConnectionReset` | [`Reset`](Self::Reset) |
    /// | `ECONNABORTED` | `ConnectionAborted` | [`Reset`](Self::Reset) |
    /// | `EPIPE` | `BrokenPipe` | [`Reset`](Self::Reset) |
    /// | `ETIMEDOUT` | `TimedOut` | [`TimedOut`](Self::TimedOut) |
    /// | any other | any other | [`Io`](Self::Io) with the kind and the text |
    ///
    /// While a connection is being opened two rows differ: for errors of
    /// [`Connect::connect`](crate::adapter::Connect::connect), and of
    /// [`Stream::establish`](crate::stream::Stream::establish) until the peer has answered.
    ///
    /// | error | kind | reason while connecting |
    /// |---|---|---|
    /// | `ETIMEDOUT` | `TimedOut` | [`ConnectTimeout`](Self::ConnectTimeout) |
    /// | `ENOENT`, `ENOTDIR` | `NotFound`, `NotADirectory` | [`Refused`](Self::Refused): nobody listens at that path |
    ///
    /// `WouldBlock` and `Interrupted` end no connection: do not ask for their reason. For the errors of
    /// accept(2) see [`AcceptError`](crate::adapter::AcceptError).
    fn from(error: &io::Error) -> Self {
        if let Some(reason) = Self::of(error) {
            return reason.clone();
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::TimedOut => Self::TimedOut,
            kind => Self::Io(kind, error.to_string().into()),
        }
    }
}

impl From<CloseReason> for io::Error {
    fn from(reason: CloseReason) -> Self {
        let kind = match &reason {
            CloseReason::PeerClosed
            | CloseReason::PeerClosedWith { .. }
            | CloseReason::AbnormalClosure => io::ErrorKind::UnexpectedEof,
            CloseReason::Reset => io::ErrorKind::ConnectionReset,
            CloseReason::Refused | CloseReason::HandshakeRefused(_) | CloseReason::Answered => {
                io::ErrorKind::ConnectionRefused
            }
            CloseReason::TimedOut
            | CloseReason::ConnectTimeout
            | CloseReason::HandshakeTimeout
            | CloseReason::Stalled
            | CloseReason::MessageTimeout
            | CloseReason::IdleTimeout
            | CloseReason::MaxLifetime
            | CloseReason::LingerTimeout => io::ErrorKind::TimedOut,
            CloseReason::Unresolved(_) => io::ErrorKind::NotFound,
            CloseReason::ProtocolViolation(_)
            | CloseReason::MessageTooLarge { .. }
            | CloseReason::Layer(_) => io::ErrorKind::InvalidData,
            CloseReason::OutboxLimit { .. } | CloseReason::NodeMemory => io::ErrorKind::OutOfMemory,
            CloseReason::Panicked | CloseReason::AdapterFault(_) => io::ErrorKind::Other,
            CloseReason::ClosedWith { .. } | CloseReason::Removed | CloseReason::NodeStopped => {
                io::ErrorKind::NotConnected
            }
            CloseReason::Io(kind, _) => *kind,
        };
        Self::new(kind, reason)
    }
}

/// With [`CloseReason::Layer`] inside.
impl From<LayerError> for io::Error {
    fn from(error: LayerError) -> Self {
        CloseReason::Layer(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_the_way_through_an_io_error() {
        let reason = CloseReason::ProtocolViolation("bad length".into());
        let error = io::Error::from(reason.clone());
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(CloseReason::of(&error), Some(&reason));
        assert_eq!(CloseReason::from(&error), reason);
    }

    #[test]
    fn errors_of_the_system_become_reasons() {
        let cases = [
            (io::ErrorKind::ConnectionRefused, CloseReason::Refused),
            (io::ErrorKind::ConnectionReset, CloseReason::Reset),
            (io::ErrorKind::ConnectionAborted, CloseReason::Reset),
            (io::ErrorKind::BrokenPipe, CloseReason::Reset),
            (io::ErrorKind::TimedOut, CloseReason::TimedOut),
        ];
        for (kind, reason) in cases {
            assert_eq!(CloseReason::from(&io::Error::from(kind)), reason);
        }
        let other = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(matches!(
            CloseReason::from(&other),
            CloseReason::Io(io::ErrorKind::PermissionDenied, _)
        ));
    }

    /// What the program gets: the kind, the text, the reason.
    fn explained(error: io::Error) -> (io::ErrorKind, String, Option<CloseReason>) {
        let error = CloseReason::explain_opening(error, &"/run/chat");
        (error.kind(), error.to_string(), CloseReason::of(&error).cloned())
    }

    #[test]
    fn an_error_of_connecting_keeps_its_kind_and_gets_a_reason() {
        let cases = [
            (io::ErrorKind::ConnectionRefused, CloseReason::Refused),
            (io::ErrorKind::NotFound, CloseReason::Refused),
            (io::ErrorKind::NotADirectory, CloseReason::Refused),
            (io::ErrorKind::TimedOut, CloseReason::ConnectTimeout),
            (io::ErrorKind::ConnectionReset, CloseReason::Reset),
        ];
        for (kind, reason) in cases {
            let (told, text, found) = explained(kind.into());
            assert_eq!((told, found), (kind, Some(reason)));
            assert!(text.starts_with("can't connect to /run/chat: "), "{text}");
        }
        let (kind, text, reason) =
            explained(io::Error::new(io::ErrorKind::PermissionDenied, "not for you"));
        assert_eq!((kind, &*text), (io::ErrorKind::PermissionDenied, "not for you"));
        assert_eq!(reason, Some(CloseReason::Io(kind, "not for you".into())));
    }

    #[test]
    fn a_reason_of_the_adapters_own_and_a_mistake_of_the_program_stay_as_they_are() {
        let own = CloseReason::Io(io::ErrorKind::NotFound, "no such device".into());
        let (kind, text, reason) = explained(own.clone().into());
        assert_eq!((kind, &*text), (io::ErrorKind::NotFound, "no such device"));
        assert_eq!(reason, Some(own));
        for kind in [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported, io::ErrorKind::Other]
        {
            let error = CloseReason::explain_opening(io::Error::new(kind, Typed), &"/run/chat");
            assert!(error.get_ref().is_some_and(|inner| inner.is::<Typed>()), "{kind:?}");
        }
    }

    #[derive(Debug)]
    struct Typed;

    impl fmt::Display for Typed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the configuration is wrong")
        }
    }

    impl Error for Typed {}
}
