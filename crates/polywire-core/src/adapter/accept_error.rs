//! What a failed accept(2) means for the listener.

use std::io::{self, ErrorKind};

/// What a [`Local`](crate::adapter::Local) does about an error of accept(2). None ends the listener.
///
/// ```
/// use polywire_core::adapter::{AcceptError, Accepting};
///
/// /// What `Local::ready` returns for the error, or `None` to accept the next connection.
/// fn outcome(error: &std::io::Error) -> Option<Accepting> {
///     match AcceptError::of(error) {
///         AcceptError::Drained => Some(Accepting::Drained),
///         AcceptError::Peer => None,
///         AcceptError::Exhausted => Some(Accepting::Exhausted),
///     }
/// }
/// # assert_eq!(outcome(&std::io::ErrorKind::ConnectionAborted.into()), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptError {
    /// Nobody waits any more (`EAGAIN`): return [`Accepting::Drained`](crate::adapter::Accepting).
    Drained,
    /// The peer went away, may not come in, or a signal interrupted the call: accept the next one at
    /// once. `ECONNABORTED`, `ECONNRESET`, `EHOSTUNREACH`, `EINTR`, `ENETDOWN`, `ENETUNREACH`,
    /// `EPERM`, `EACCES`; on Linux also `ENONET`, `EPROTO`, `ENOPROTOOPT`, `EOPNOTSUPP`, `EHOSTDOWN`.
    Peer,
    /// The system is out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`): return
    /// [`Accepting::Exhausted`](crate::adapter::Accepting), and the loop calls again after 100 ms. Also
    /// whatever is not known, because trying again a little later is never wrong.
    Exhausted,
}

impl AcceptError {
    /// As accept(2) tells under "Error handling" and "Errors".
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => Self::Drained,
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::Interrupted
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied => Self::Peer,
            _ if is_network_error(error) => Self::Peer,
            _ => Self::Exhausted,
        }
    }
}

/// Errors of the network that Linux passes on and std has no kind for.
fn is_network_error(error: &io::Error) -> bool {
    const ENONET: i32 = 64;
    const EPROTO: i32 = 71;
    const ENOPROTOOPT: i32 = 92;
    const EOPNOTSUPP: i32 = 95;
    const EHOSTDOWN: i32 = 112;
    cfg!(any(target_os = "linux", target_os = "android"))
        && matches!(
            error.raw_os_error(),
            Some(ENONET | EPROTO | ENOPROTOOPT | EOPNOTSUPP | EHOSTDOWN)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_one_peer_is_not_one_of_the_listener() {
        for kind in [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset] {
            assert_eq!(AcceptError::of(&kind.into()), AcceptError::Peer, "{kind}");
        }
    }

    #[test]
    fn an_empty_queue_is_no_error() {
        assert_eq!(AcceptError::of(&ErrorKind::WouldBlock.into()), AcceptError::Drained);
    }

    #[test]
    fn an_unknown_error_is_tried_again_later() {
        assert_eq!(AcceptError::of(&io::Error::other("unknown")), AcceptError::Exhausted);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn the_numbers_of_the_manual_page_are_told_apart() {
        // EINTR, EPERM, EPROTO, ENETDOWN, ENETUNREACH, ECONNABORTED, EHOSTDOWN, EHOSTUNREACH,
        // ENONET, ENOPROTOOPT, EOPNOTSUPP.
        for errno in [4, 1, 71, 100, 101, 103, 112, 113, 64, 92, 95] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(AcceptError::of(&error), AcceptError::Peer, "{error}");
        }
        // EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL.
        for errno in [24, 23, 105, 12, 22] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(AcceptError::of(&error), AcceptError::Exhausted, "{error}");
        }
    }
}
