//! Records that bring the program nothing.

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
/// Bytes of tickets, and of what lies between them, that a client takes before the program gets something.
const MAX_TICKET_BYTES: usize = 64 << 10;
/// Bytes that rustls holds of one message, at most.
const MAX_HELD_BYTES: usize = 64 << 10;

/// Bytes of whole records since the last that brought the program something. rustls puts messages of the handshake
/// together out of them, and tells neither that it has begun nor how much it holds.
#[derive(Debug)]
pub(crate) struct Fruitless {
    max: usize,
    /// Those behind the last ticket.
    bytes: usize,
    /// Those up to the last ticket, which is of use to rustls alone.
    with_tickets: usize,
}

impl Fruitless {
    /// Of what a client gets.
    pub(crate) fn client() -> Self {
        Self { max: MAX_CLIENT_BYTES, bytes: 0, with_tickets: 0 }
    }

    /// Of what a server gets.
    pub(crate) fn server() -> Self {
        Self { max: MAX_SERVER_BYTES, ..Self::client() }
    }

    /// Something came of what was opened.
    pub(crate) fn end(&mut self) {
        (self.bytes, self.with_tickets) = (0, 0);
    }

    /// Records of `bytes` bytes in all were opened, and brought nothing.
    pub(crate) fn pass(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Records of `bytes` bytes in all were opened, and brought a ticket: no message is half there before it.
    pub(crate) fn pass_ticket(&mut self, bytes: usize) {
        self.with_tickets += self.bytes + bytes;
        self.bytes = 0;
    }

    /// Whether no honest peer sends that much.
    pub(crate) fn is_too_much(&self) -> bool {
        self.bytes > self.max || self.with_tickets > MAX_TICKET_BYTES
    }

    /// What is perhaps held of a message that is not whole. A pause does not end it, or a peer would only have to make
    /// one.
    pub(crate) fn half_read(&self) -> usize {
        if self.bytes > UNUSUAL_BYTES { self.bytes.min(MAX_HELD_BYTES) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty record with as much behind it as there may be.
    const PADDED: usize = 5 + (16 << 10) + 1 + 16;

    #[test]
    fn two_empty_records_of_full_length_count_for_nothing_and_more_as_one_message() {
        let mut fruitless = Fruitless::server();
        for number in 1..=32 {
            fruitless.pass(PADDED);
            let held = if number > 2 { (number * PADDED).min(MAX_HELD_BYTES) } else { 0 };
            assert_eq!((fruitless.is_too_much(), fruitless.half_read()), (false, held));
        }
        fruitless.pass(PADDED);
        assert!(fruitless.is_too_much(), "rustls takes 32 empty ones in a row");
        fruitless.end();
        fruitless.pass(PADDED);
        assert!(!fruitless.is_too_much() && fruitless.half_read() == 0);
    }

    #[test]
    fn a_client_gets_no_ticket_that_is_too_long_for_a_hello() {
        let mut fruitless = Fruitless::client();
        for _ in 0..2 {
            fruitless.pass(PADDED);
            assert!(!fruitless.is_too_much());
        }
        fruitless.pass(PADDED);
        assert!(fruitless.is_too_much());
    }
}
