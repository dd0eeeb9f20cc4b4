//! Reading the datagrams that wait.

use std::io::{self, ErrorKind};

use polywire_core::adapter::Flow;

use crate::datagram::config::MAX_DATAGRAM_LEN;
use crate::datagram::shared_socket::{Datagram, SharedSocket};

/// What a datagram costs of the budget at least, in bytes: each is a call of the program, however short.
const MIN_COST_BYTES: usize = 256;

/// Errors in a row after which a socket is taken for broken.
const MAX_ERRORS_IN_A_ROW: usize = 1024;

/// How a call ended.
pub(super) enum Outcome {
    /// Nothing is left; the poller tells when there is.
    Drained,
    /// There may be more.
    Unfinished,
    /// Every read fails, the last one with this error.
    Broken(io::Error),
}

/// Hands what waits to `deliver`, within `budget` bytes, and takes that off it.
pub(super) fn receive_datagrams(
    socket: &SharedSocket,
    buffer: &mut [u8],
    budget: &mut usize,
    mut deliver: impl FnMut(&Datagram, &[u8]) -> Flow,
) -> Outcome {
    let room = buffer.len().min(MAX_DATAGRAM_LEN);
    let mut errors = 0;
    loop {
        match socket.receive(&mut buffer[..room]) {
            Ok(datagram) => {
                errors = 0;
                *budget = budget.saturating_sub(datagram.len.max(MIN_COST_BYTES));
                if datagram.is_cut {
                    tracing::debug!(max = room, "dropped a datagram that is too long");
                } else if deliver(&datagram, &buffer[..datagram.len]) == Flow::Stop {
                    return Outcome::Unfinished;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Drained,
            Err(error) if errors == MAX_ERRORS_IN_A_ROW => return Outcome::Broken(error),
            // That the peer is gone, which a socket connected to it is told once; what it sent before is behind.
            Err(_) => errors += 1,
        }
        if *budget == 0 {
            return Outcome::Unfinished;
        }
    }
}
