//! Compression of messages (permessage-deflate, RFC 7692): how a program asks for it.

pub(crate) mod agreed;
pub(crate) mod contexts;
mod deflater;
mod history;
mod inflater;
pub(crate) mod inflation;
pub(crate) mod negotiation;

use std::io;

/// Window sizes, as powers of two, that both ends can do.
pub(crate) const MIN_WINDOW_BITS: u8 = 9;
pub(crate) const MAX_WINDOW_BITS: u8 = 15;

/// Compresses messages by DEFLATE where the peer agrees (permessage-deflate, RFC 7692).
///
/// Given to [`WsListenConfig::with_deflate`](crate::WsListenConfig::with_deflate) or
/// [`WsConnectConfig::with_deflate`](crate::WsConnectConfig::with_deflate). A peer that does not offer
/// compression, or does not agree to it, is spoken to without.
///
/// # What it costs
///
/// By default each message is compressed by itself ("no context takeover", both ways), by a compressor that
/// the thread shares among all connections: some 370 KB for each thread that sends (up to four times that with context
/// takeover, or where clients ask for smaller windows), and 50 KB for the one that
/// receives. A connection then owns no memory for compression beyond some hundred bytes, and
/// [`send_to_each`](polywire_core::network::NetworkController::send_to_each) compresses once for all connections that
/// agreed on the same.
///
/// With context takeover ([`dedicated`](Self::dedicated)) messages may refer to those before them, which makes small
/// messages of one kind much smaller. A connection then keeps the last 2^`window_bits` bytes in each direction, as
/// far as there were any, and each message is compressed for each connection, in the order of sending:
///
/// | `window_bits` | KB per connection, at most |
/// |---|---|
/// | 9 | 1 |
/// | 10 | 2 |
/// | 11 | 4 |
/// | 12 | 8 |
/// | 13 | 16 |
/// | 14 | 32 |
/// | 15 | 64 |
///
/// A thread's compressor goes on where it was if the same connection sends next, or one of the last four that do, which
/// takes less time than without takeover. For any other connection it reads the window again, at about 3 ns a byte: 12 µs
/// for a window of 12 bits, and 0.1 ms for one of 15.
///
/// # Security
///
/// A message that holds both a secret and text that an attacker chose tells by its length how alike the two are (CRIME,
/// BREACH), and with context takeover so do messages that follow each other. Send those as
/// [`UNCOMPRESSED_TEXT`](crate::UNCOMPRESSED_TEXT) or [`UNCOMPRESSED_BINARY`](crate::UNCOMPRESSED_BINARY).
///
/// What a peer sends is counted while it is inflated: a message that becomes longer than
/// [`max_message_size`](crate::WsListenConfig::max_message_size) ends the connection with code 1009. One that comes in a
/// single frame takes no more than 1 MiB of memory until that is found out; one in fragments takes up to the limit.
///
/// The loop inflates a frame in one go: 1 MB takes a few milliseconds as a rule, and 0.1 s where a peer has built it to
/// take long. Listen to strangers with a `max_message_size` below the default of 64 MiB.
///
/// ```
/// use polywire_ws::{Deflate, WsListenConfig};
///
/// // Small messages, all alike: 8 KB a connection, and compressed the better for it.
/// let config = WsListenConfig::default().with_deflate(Deflate::dedicated(12).with_threshold(64));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Deflate {
    /// How hard to compress, from 1 (fast) to 9 (small). Default: 1, which takes a half to a third of the time of 6,
    /// and makes JSON of 1 KiB a third longer, and of 4 KiB and more half as long again. 2 is nearly as
    /// small as 6, and faster from 4 KiB on.
    pub level: u8,
    /// Bytes from which on a message is compressed. Default: 256. A shorter one gains less than the 2 to
    /// 5 µs that it takes; a server of messages that are alike, with context takeover, may go lower.
    pub threshold: usize,
    /// Whether messages sent may refer to those sent before. Default: no. The peer may forbid it.
    pub send_context_takeover: bool,
    /// Whether messages received may refer to those received before. Default: no, and the peer is told so.
    pub receive_context_takeover: bool,
    /// How far back messages sent refer: 2^`send_window_bits` bytes, 9 to 15. Default: 15. The peer
    /// may ask for less.
    pub send_window_bits: u8,
    /// The same of messages received. Default: 15. A client that cannot be told to use less than 15 is told not
    /// to refer to earlier messages at all, so that no more memory is needed than configured.
    pub receive_window_bits: u8,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            level: 1,
            threshold: 256,
            send_context_takeover: false,
            receive_context_takeover: false,
            send_window_bits: MAX_WINDOW_BITS,
            receive_window_bits: MAX_WINDOW_BITS,
        }
    }
}

impl Deflate {
    /// With context takeover in both directions: 2^`window_bits` bytes (9 to 15) are kept for each. See
    /// [what it costs](Self#what-it-costs).
    #[must_use]
    pub fn dedicated(window_bits: u8) -> Self {
        Self {
            send_context_takeover: true,
            receive_context_takeover: true,
            send_window_bits: window_bits,
            receive_window_bits: window_bits,
            ..Self::default()
        }
    }

    /// Sets [`Self::level`].
    #[must_use]
    pub fn with_level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Sets [`Self::threshold`].
    #[must_use]
    pub fn with_threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Sets [`Self::send_context_takeover`].
    #[must_use]
    pub fn with_send_context_takeover(mut self, takeover: bool) -> Self {
        self.send_context_takeover = takeover;
        self
    }

    /// Sets [`Self::receive_context_takeover`].
    #[must_use]
    pub fn with_receive_context_takeover(mut self, takeover: bool) -> Self {
        self.receive_context_takeover = takeover;
        self
    }

    /// Sets [`Self::send_window_bits`].
    #[must_use]
    pub fn with_send_window_bits(mut self, bits: u8) -> Self {
        self.send_window_bits = bits;
        self
    }

    /// Sets [`Self::receive_window_bits`].
    #[must_use]
    pub fn with_receive_window_bits(mut self, bits: u8) -> Self {
        self.receive_window_bits = bits;
        self
    }

    /// Refuses what no compressor can do.
    pub(crate) fn check(&self) -> io::Result<()> {
        let bits = MIN_WINDOW_BITS..=MAX_WINDOW_BITS;
        let text = if !(1..=9).contains(&self.level) {
            format!("the level of compression is {}: use 1 to 9", self.level)
        } else if !bits.contains(&self.send_window_bits)
            || !bits.contains(&self.receive_window_bits)
        {
            let (send, receive) = (self.send_window_bits, self.receive_window_bits);
            format!("the windows of compression have {send} and {receive} bits: use 9 to 15")
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_windows_that_no_compressor_has_are_refused() {
        assert!(Deflate::default().check().is_ok());
        for bits in 9..=15 {
            assert!(Deflate::dedicated(bits).with_level(9).check().is_ok());
        }
        for wrong in [
            Deflate::dedicated(8),
            Deflate::dedicated(16),
            Deflate::default().with_level(0),
            Deflate::default().with_level(10),
            Deflate::default().with_send_window_bits(8),
            Deflate::default().with_receive_window_bits(255),
        ] {
            assert_eq!(wrong.check().unwrap_err().kind(), io::ErrorKind::InvalidInput, "{wrong:?}");
        }
    }
}
