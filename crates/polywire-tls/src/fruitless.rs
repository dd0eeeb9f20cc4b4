//! Records that bring the program nothing.

use std::time::{Duration, Instant};

/// Bytes of the longest record. One that is empty may be filled up to about this, to hide when a program sends
/// something (RFC 8446 sections 5.2 and 5.4).
const LONGEST_RECORD_BYTES: usize = 5 + (16 << 10) + 256;
/// Fewer of them are nothing unusual, and may be left behind: key updates, empty records.
const UNUSUAL_BYTES: usize = 2 * LONGEST_RECORD_BYTES;
/// Bytes of them in a row that a client takes, at most. A ticket of that length still fits into the hello that offers
/// it, which has 64 KiB, and nothing else that comes behind the handshake is long.
const MAX_CLIENT_BYTES: usize = UNUSUAL_BYTES;
/// The same of a server, which gets no tickets: as many empty records as rustls takes, which also holds no more
/// than 64 KiB of a message.
const MAX_SERVER_BYTES: usize = 32 * LONGEST_RECORD_BYTES;
/// Behind a pause like this comes something new: pieces of a message follow one another.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes of whole records since the last that brought something. rustls puts messages of the handshake together out of
/// them, and tells neither that it has begun nor how much it holds.
#[derive(Debug)]
pub(crate) struct Fruitless {
    max: usize,
    bytes: usize,
    /// Those since the last pause.
    recent: usize,
    last: Option<Instant>,
}

impl Fruitless {
    /// Of what a client gets.
    pub(crate) fn client() -> Self {
        Self { max: MAX_CLIENT_BYTES, bytes: 0, recent: 0, last: None }
    }

    /// Of what a server gets.
    pub(crate) fn server() -> Self {
        Self { max: MAX_SERVER_BYTES, ..Self::client() }
    }

    /// Something came of what was opened.
    pub(crate) fn end(&mut self) {
        (self.bytes, self.recent) = (0, 0);
    }

    /// Records of `bytes` bytes in all were opened, and brought nothing.
    pub(crate) fn pass(&mut self, bytes: usize, now: Instant) {
        let pause = self.last.map(|last| now.saturating_duration_since(last));
        if pause.is_some_and(|pause| pause >= PAUSE) {
            self.recent = 0;
        }
        self.bytes += bytes;
        self.recent += bytes;
        self.last = Some(now);
    }

    /// Whether no honest peer sends that much.
    pub(crate) fn is_too_much(&self) -> bool {
        self.bytes > self.max
    }

    /// What is probably held of a message that is not whole.
    pub(crate) fn half_read(&self) -> usize {
        if self.recent > UNUSUAL_BYTES { self.recent } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty record with as much behind it as there may be.
    const PADDED: usize = 5 + (16 << 10) + 1 + 16;

    #[test]
    fn empty_records_of_full_length_may_come_one_by_one_and_two_by_two() {
        let mut fruitless = Fruitless::server();
        let mut now = Instant::now();
        for _ in 0..16 {
            fruitless.pass(PADDED, now);
            fruitless.pass(PADDED, now);
            assert!(!fruitless.is_too_much() && fruitless.half_read() == 0);
            now += PAUSE;
        }
        fruitless.pass(PADDED, now);
        assert!(fruitless.is_too_much(), "rustls takes 32 empty ones in a row");
        fruitless.end();
        fruitless.pass(PADDED, now);
        assert!(!fruitless.is_too_much() && fruitless.half_read() == 0);
    }

    #[test]
    fn what_comes_without_a_pause_is_probably_one_message() {
        let mut fruitless = Fruitless::server();
        let now = Instant::now();
        for number in 0..3 {
            fruitless.pass(PADDED, now + number * PAUSE / 2);
        }
        assert_eq!(fruitless.half_read(), 3 * PADDED);
        fruitless.end();
        assert_eq!(fruitless.half_read(), 0);
    }

    /// Whatever the pauses.
    #[test]
    fn a_client_gets_no_ticket_that_is_too_long_for_a_hello() {
        let mut fruitless = Fruitless::client();
        let mut now = Instant::now();
        for _ in 0..2 {
            fruitless.pass(PADDED, now);
            assert!(!fruitless.is_too_much());
            now += PAUSE;
        }
        fruitless.pass(PADDED, now);
        assert!(fruitless.is_too_much());
    }
}
