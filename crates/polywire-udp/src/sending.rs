//! What becomes of a datagram given to the system.

use std::io;

use polywire_core::network::SendStatus;

/// Times a datagram is given to the system at most.
///
/// An ICMP error about an earlier datagram is returned by the next call on the socket, which then
/// sends nothing; the call after it does send. Other threads that send to the same dead peer can
/// each leave one more error between the two.
const MAX_ATTEMPTS: usize = 4;

pub(crate) const EMSGSIZE: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    90
} else if cfg!(windows) {
    10_040
} else {
    40
};

const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    105
} else if cfg!(windows) {
    10_055
} else {
    55
};

/// Sends a datagram by `write`, which makes one system call.
#[inline(always)]
pub(crate) fn send_datagram(write: impl FnMut() -> io::Result<()>) -> SendStatus {
    match try_hard(write) {
        Ok(()) => SendStatus::Sent,
        Err(error) => status_of(&error),
    }
}

/// Calls `write` until it succeeds, the system is full, or the error is its answer to this datagram.
#[inline(always)]
pub(crate) fn try_hard(mut write: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match write() {
            Err(error) if attempts < MAX_ATTEMPTS && !is_full(&error) => {
                tracing::trace!(%error, "a datagram could not be sent");
            }
            result => return result,
        }
    }
}

/// Whether the system has no room at present. BSDs say `ENOBUFS` when an interface's queue is full.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(ENOBUFS)
}

/// The status of a datagram that the system goes on refusing.
fn status_of(error: &io::Error) -> SendStatus {
    match error.raw_os_error() {
        _ if is_full(error) => SendStatus::Full,
        Some(EMSGSIZE) => SendStatus::MaxPacketSizeExceeded,
        _ => SendStatus::ResourceNotAvailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status when `errors` come first, and how many calls were made.
    fn send_after(errors: &[io::ErrorKind]) -> (SendStatus, usize) {
        let mut calls = 0;
        let status = send_datagram(|| {
            calls += 1;
            errors.get(calls - 1).map_or(Ok(()), |kind| Err((*kind).into()))
        });
        (status, calls)
    }

    #[test]
    fn an_error_about_an_earlier_datagram_does_not_lose_this_one() {
        assert_eq!(send_after(&[io::ErrorKind::ConnectionRefused]), (SendStatus::Sent, 2));
        assert_eq!(send_after(&[io::ErrorKind::Interrupted]), (SendStatus::Sent, 2));
    }

    #[test]
    fn an_error_that_stays_ends_the_attempts() {
        let unreachable = [io::ErrorKind::NetworkUnreachable; MAX_ATTEMPTS];
        assert_eq!(send_after(&unreachable), (SendStatus::ResourceNotAvailable, MAX_ATTEMPTS));
    }

    #[test]
    fn a_full_socket_takes_nothing() {
        assert_eq!(send_after(&[io::ErrorKind::WouldBlock]), (SendStatus::Full, 1));
    }

    #[test]
    fn too_long_for_the_interface_is_told_from_other_errors() {
        let status = send_datagram(|| Err(io::Error::from_raw_os_error(EMSGSIZE)));
        assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
        let status = send_datagram(|| Err(io::Error::from_raw_os_error(ENOBUFS)));
        assert_eq!(status, SendStatus::Full);
    }
}
