//! What becomes of a datagram given to the system.

use std::io;

use polywire_core::network::SendStatus;

use crate::MAX_LOCAL_PAYLOAD_LEN;

/// Times a datagram is given to the system at most.
///
/// An ICMP error about an earlier datagram is returned by the next call on the socket, which then
/// sends nothing; the call after it does send. Other threads that send to the same dead peer can
/// each leave one more error between the two.
const MAX_ATTEMPTS: usize = 4;

const EMSGSIZE: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
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

/// Sends `message` by `write`, which makes one system call.
pub(crate) fn send_datagram(
    message: &[u8],
    mut write: impl FnMut() -> io::Result<usize>,
) -> SendStatus {
    if message.len() > MAX_LOCAL_PAYLOAD_LEN {
        return SendStatus::MaxPacketSizeExceeded;
    }
    let mut status = SendStatus::ResourceNotAvailable;
    for _ in 0..MAX_ATTEMPTS {
        status = match write() {
            Ok(_) => return SendStatus::Sent,
            Err(error) if is_full(&error) => return SendStatus::Full,
            Err(error) => {
                tracing::trace!(%error, "a datagram could not be sent");
                status_of(&error)
            }
        };
    }
    status
}

/// Whether the system has no room at present. BSDs say `ENOBUFS` when an interface's queue is full.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(ENOBUFS)
}

/// The status of a datagram that the system goes on refusing.
fn status_of(error: &io::Error) -> SendStatus {
    match error.raw_os_error() {
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
        let status = send_datagram(b"hello", || {
            calls += 1;
            errors.get(calls - 1).map_or(Ok(5), |kind| Err((*kind).into()))
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
    fn a_message_that_no_datagram_carries_makes_no_system_call() {
        let message = vec![0; MAX_LOCAL_PAYLOAD_LEN + 1];
        let status = send_datagram(&message, || unreachable!());
        assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
    }

    #[test]
    fn too_long_for_the_interface_is_told_from_other_errors() {
        let status = send_datagram(b"", || Err(io::Error::from_raw_os_error(EMSGSIZE)));
        assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
        let status = send_datagram(b"", || Err(io::Error::from_raw_os_error(ENOBUFS)));
        assert_eq!(status, SendStatus::Full);
    }
}
