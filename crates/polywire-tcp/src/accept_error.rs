//! What a failed accept(2) means for the listener.

use std::io::{self, ErrorKind};

/// What to do about an error of accept(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptError {
    /// Nobody waits any more.
    Nobody,
    /// The peer went away, or may not come in: the next one may.
    Peer,
    /// The system is out of descriptors or memory. Also whatever is not known, because trying again
    /// a little later is never wrong.
    System,
}

impl AcceptError {
    /// As accept(2) tells under "Error handling" and "Errors".
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => Self::Nobody,
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::Interrupted
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied => Self::Peer,
            _ if is_network_error(error) => Self::Peer,
            _ => Self::System,
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
        assert_eq!(AcceptError::of(&ErrorKind::WouldBlock.into()), AcceptError::Nobody);
    }

    #[test]
    fn an_unknown_error_is_tried_again_later() {
        assert_eq!(AcceptError::of(&io::Error::other("unknown")), AcceptError::System);
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
            assert_eq!(AcceptError::of(&error), AcceptError::System, "{error}");
        }
    }
}
