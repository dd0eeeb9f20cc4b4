//! Reading the datagrams that wait: the one place where this crate receives.

use std::io;

use polywire_core::adapter::Flow;

/// What a datagram costs of the budget at least, in bytes.
///
/// Each is a system call and a call of the program, however short; without this, empty datagrams
/// would be free and their sender could hold the loop for ever. The default budget takes 4,096.
const MIN_COST: usize = 256;

/// Errors in a row after which a socket is taken for broken.
///
/// On Linux an ICMP error waits one at a time, so more than a few in a row takes threads that send
/// to a dead peer meanwhile; this many does not happen.
const MAX_ERRORS_IN_A_ROW: usize = 1024;

/// How a round of reading ended.
#[derive(Debug)]
pub(crate) enum Round {
    /// Nothing is left; the poller tells when there is.
    Drained,
    /// The budget is used up.
    Unfinished,
    /// Whoever the datagrams go to wants no more in this call.
    Stopped,
    /// Every read fails, the last one with this error.
    Broken(io::Error),
}

/// Reads datagrams by `read`, one system call each, until none is left or `budget` bytes are used
/// up, and hands them to `deliver` with what `read` tells beside their length.
///
/// `buffer` must have room for the longest datagram, 65,535 bytes; what is longer is cut off.
///
/// Errors are no end: they tell of an earlier datagram of ours that did not arrive (ICMP, RFC 1122
/// section 4.1.3.3), and those that wait behind must not wait for the next readiness.
pub(crate) fn receive_datagrams<From>(
    buffer: &mut [u8],
    budget: usize,
    mut read: impl FnMut(&mut [u8]) -> io::Result<(usize, From)>,
    mut deliver: impl FnMut(From, &[u8]) -> Flow,
) -> Round {
    let mut spent = 0;
    let mut errors = 0;
    loop {
        match read(buffer) {
            Ok((len, from)) => {
                errors = 0;
                spent += len.max(MIN_COST);
                if deliver(from, &buffer[..len]) == Flow::Stop {
                    return Round::Stopped;
                }
                if spent >= budget {
                    return Round::Unfinished;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Round::Drained,
            Err(error) if errors == MAX_ERRORS_IN_A_ROW => return Round::Broken(error),
            Err(error) => {
                errors += 1;
                tracing::trace!(%error, "told about an earlier datagram");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a round over `reads`, and then over nothing; returns its end and what was delivered.
    fn receive(budget: usize, reads: Vec<io::Result<usize>>) -> (Round, Vec<usize>) {
        let mut reads = reads.into_iter();
        let mut delivered = Vec::new();
        let mut next = || reads.next().unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()));
        let round = receive_datagrams(
            &mut [0; 2048],
            budget,
            |_| next().map(|len| (len, ())),
            |(), message| {
                delivered.push(message.len());
                Flow::Continue
            },
        );
        (round, delivered)
    }

    #[test]
    fn errors_between_datagrams_delay_none_of_them() {
        let refused = || Err(io::ErrorKind::ConnectionRefused.into());
        let reset = || Err(io::ErrorKind::ConnectionReset.into());
        let reads = vec![refused(), Ok(1), refused(), reset(), Ok(2), refused(), Ok(3)];
        let (round, delivered) = receive(1 << 20, reads);
        assert!(matches!(round, Round::Drained));
        assert_eq!(delivered, [1, 2, 3]);
    }

    #[test]
    fn an_empty_datagram_is_a_message() {
        let (_, delivered) = receive(1 << 20, vec![Ok(0), Ok(1), Ok(0)]);
        assert_eq!(delivered, [0, 1, 0]);
    }

    #[test]
    fn a_flood_is_cut_at_the_budget_even_if_it_is_of_empty_datagrams() {
        let (round, delivered) = receive(MIN_COST * 3, (0..100).map(|_| Ok(0)).collect());
        assert!(matches!(round, Round::Unfinished));
        assert_eq!(delivered.len(), 3);
        let (_, delivered) = receive(3000, (0..100).map(|_| Ok(1000)).collect());
        assert_eq!(delivered.len(), 3);
    }

    #[test]
    fn one_datagram_is_read_even_without_a_budget() {
        let (round, delivered) = receive(0, vec![Ok(7), Ok(8)]);
        assert!(matches!(round, Round::Unfinished));
        assert_eq!(delivered, [7]);
    }

    #[test]
    fn a_socket_that_only_fails_is_given_up() {
        let mut calls = 0;
        let round = receive_datagrams(
            &mut [],
            usize::MAX,
            |_| -> io::Result<(usize, ())> {
                calls += 1;
                Err(io::ErrorKind::OutOfMemory.into())
            },
            |(), _| Flow::Continue,
        );
        assert!(
            matches!(round, Round::Broken(error) if error.kind() == io::ErrorKind::OutOfMemory)
        );
        assert_eq!(calls, MAX_ERRORS_IN_A_ROW + 1);
    }

    #[test]
    fn nothing_is_handed_out_after_stop() {
        let mut delivered = 0;
        let round = receive_datagrams(
            &mut [0; 1],
            usize::MAX,
            |_| Ok((1, ())),
            |(), _| {
                delivered += 1;
                Flow::Stop
            },
        );
        assert!(matches!(round, Round::Stopped));
        assert_eq!(delivered, 1);
    }
}
