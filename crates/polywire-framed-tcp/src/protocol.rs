//! Length-prefixed messages, as a protocol without I/O.

use polywire_core::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};
use polywire_core::{CloseReason, Message};

use crate::length::{MAX_ENCODED_SIZE, read_size, write_size};
use crate::tls;

/// Bytes a message may have unless the configuration says otherwise: 64 MiB.
pub const DEFAULT_MAX_MESSAGE_SIZE: usize = 64 << 20;

/// The longest message that is in memory together with its prefix on any machine.
const MAX_ENCODABLE_BYTES: usize = isize::MAX as usize - MAX_ENCODED_SIZE;

/// Messages with their length before them, over any stream.
///
/// Lengths that are not written in the shortest way, or do not fit in 64 bits, are a
/// [`CloseReason::ProtocolViolation`]; a length above the maximum is a
/// [`CloseReason::MessageTooLarge`] as soon as the prefix is there, whatever follows it. A connection that begins with
/// the first message of TLS is a [`CloseReason::ProtocolViolation`] that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed {
    max_message_size: usize,
    /// How long messages may be that are not looked at: as above, once the first one is known not to be TLS.
    trusted_size: usize,
}

/// No message has come.
const FRESH: usize = 0;
/// The same, and all that came is an alert of TLS. A message behind such a beginning is longer than this.
const ALERTED: usize = 1;

impl Framed {
    /// Frames of at most `max_message_size` bytes, in both directions.
    pub fn new(max_message_size: usize) -> Self {
        Self { max_message_size: max_message_size.min(MAX_ENCODABLE_BYTES), trusted_size: FRESH }
    }

    /// Finds the frame at the front of `input`.
    #[inline]
    pub(crate) fn frame<'a>(&self, input: &'a [u8]) -> Result<Decoded<'a>, CloseReason> {
        let incomplete = |needed| Ok(Decoded { consumed: 0, item: Item::Incomplete { needed } });
        let Some((size, prefix)) = read_size(input)? else {
            return incomplete(input.len() + 1);
        };
        let max = self.max_message_size;
        let len = match usize::try_from(size) {
            Ok(len) if len <= max => len,
            _ => return Err(CloseReason::MessageTooLarge { size, max: max as u64 }),
        };
        let end = prefix + len; // Does not overflow: `len` is at most `MAX_ENCODABLE_BYTES`.
        match input.get(prefix..end) {
            Some(message) => Ok(Decoded { consumed: end, item: Item::Message(message.into()) }),
            None => incomplete(end),
        }
    }

    /// The same for the first message, which shows whether the peer speaks TLS.
    #[cold]
    fn first_frame<'a>(&mut self, input: &'a [u8]) -> Result<Decoded<'a>, CloseReason> {
        if tls::is_hello(input) {
            return Err(CloseReason::ProtocolViolation(tls::CLIENT.into()));
        }
        let decoded = self.frame(input)?;
        self.trusted_size = match decoded.item {
            Item::Incomplete { .. } if tls::is_alert(input) => ALERTED,
            Item::Incomplete { .. } => FRESH,
            _ => self.max_message_size,
        };
        Ok(decoded)
    }
}

impl Default for Framed {
    /// Frames of at most [`DEFAULT_MAX_MESSAGE_SIZE`] bytes.
    fn default() -> Self {
        Self::new(DEFAULT_MAX_MESSAGE_SIZE)
    }
}

impl Protocol for Framed {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        *self
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    #[inline(always)] // Into the reading of each message, over TCP and over a layer.
    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        if self.trusted_size < self.max_message_size {
            return self.first_frame(input);
        }
        self.frame(input)
    }

    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match left {
            0 => CloseReason::PeerClosed,
            _ if self.trusted_size == ALERTED && self.max_message_size > ALERTED => {
                CloseReason::ProtocolViolation(tls::SERVER.into())
            }
            _ => CloseReason::ProtocolViolation("the stream ended inside a message".into()),
        }
    }
}

impl Encoder for Framed {
    #[inline]
    fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    #[inline(always)] // Into the send of each message.
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        let bytes = message.bytes;
        if bytes.len() < 0x80 {
            frame.put(&[bytes.len() as u8]); // As most are.
        } else {
            frame.put(write_size(bytes, &mut [0; MAX_ENCODED_SIZE]));
        }
        frame.put_message(bytes);
    }

    /// All of them frame alike.
    fn framing(&self) -> Option<u64> {
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use unsigned_varint::encode;

    use super::*;

    fn size_on_the_wire(size: u64) -> Vec<u8> {
        encode::u64(size, &mut [0; MAX_ENCODED_SIZE]).to_vec()
    }

    fn needed(framed: Framed, input: &[u8]) -> usize {
        match framed.frame(input).unwrap() {
            Decoded { consumed: 0, item: Item::Incomplete { needed } } => needed,
            other => panic!("not incomplete: {other:?}"),
        }
    }

    #[test]
    fn a_frame_is_its_length_and_its_bytes() {
        for (message, wire) in [
            (&b""[..], &b"\x00"[..]),
            (b"hello", b"\x05hello"),
            (&[7; 300], &[&[0xAC, 0x02][..], &[7; 300]].concat()),
        ] {
            let mut out = Vec::new();
            Framed::default().encode(message.into(), &mut out);
            assert_eq!(out, wire);
            let found = Decoded { consumed: wire.len(), item: Item::Message(message.into()) };
            assert_eq!(Framed::default().frame(wire), Ok(found));
        }
    }

    #[test]
    fn a_frame_is_a_slice_of_what_was_read() {
        let mut input = *b"\x03abc\x02de";
        let range = input.as_ptr_range();
        let (mut framed, mut out) = (Framed::default(), Vec::new());
        let decoded = framed.decode(&mut input, &mut Context::new(&mut out)).unwrap();
        let Item::Message(message) = decoded.item else { panic!("no message") };
        assert_eq!((message, decoded.consumed), (Message::binary(b"abc"), 4));
        assert!(range.contains(&message.bytes.as_ptr()));
        assert!(out.is_empty());
    }

    #[test]
    fn a_cut_frame_says_how_much_it_needs() {
        let wire = [&[0xAC, 0x02][..], &[7; 300]].concat();
        assert_eq!(needed(Framed::default(), &wire[..1]), 2);
        for cut in 2..wire.len() {
            assert_eq!(needed(Framed::default(), &wire[..cut]), 302);
        }
    }

    #[test]
    fn a_length_above_the_maximum_is_refused_before_its_bytes_come() {
        let framed = Framed::new(1000);
        assert_eq!(needed(framed, &size_on_the_wire(1000)), 1002);
        for size in [1001, 1 << 40, 1 << 63, u64::MAX] {
            let refused = CloseReason::MessageTooLarge { size, max: 1000 };
            assert_eq!(framed.frame(&size_on_the_wire(size)), Err(refused));
        }
        assert!(Framed::default().frame(&size_on_the_wire(64 << 20)).is_ok());
        assert!(Framed::default().frame(&size_on_the_wire((64 << 20) + 1)).is_err());
    }

    #[test]
    fn the_largest_maximum_overflows_nothing() {
        let framed = Framed::new(usize::MAX);
        assert_eq!(framed.max_message_size(), MAX_ENCODABLE_BYTES);
        assert!(framed.frame(&size_on_the_wire(u64::MAX)).is_err());
        assert!(framed.frame(&size_on_the_wire(MAX_ENCODABLE_BYTES as u64)).is_ok());
    }

    #[test]
    fn empty_messages_pass_where_nothing_else_does() {
        let empty = Decoded { consumed: 1, item: Item::Message(Message::binary(b"")) };
        assert_eq!(Framed::new(0).frame(&[0]), Ok(empty));
        assert!(Framed::new(0).frame(&[1]).is_err());
    }

    #[test]
    fn hostile_lengths_are_violations_at_once() {
        let ten_with_bits_lost = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02];
        let hostile: [&[u8]; 7] = [
            &[0xFF; 10],
            &[0xFF; 11],
            &[0x80, 0x00],
            &[0x80, 0x80, 0x80, 0x00],
            &[0x85, 0x80, 0x00],
            &[0x80; 10],
            &ten_with_bits_lost,
        ];
        for input in hostile {
            let result = Framed::default().frame(input);
            assert!(matches!(result, Err(CloseReason::ProtocolViolation(_))), "{result:?}");
        }
    }

    fn decode<'a>(framed: &'a mut Framed, input: &'a mut [u8]) -> Result<usize, CloseReason> {
        framed.decode(input, &mut Context::new(&mut Vec::new())).map(|decoded| decoded.consumed)
    }

    /// A ClientHello up to its random bytes, of 512 bytes in all.
    const HELLO: [u8; 11] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];

    #[test]
    fn a_client_that_speaks_tls_is_told_as_such() {
        let expected = Err(CloseReason::ProtocolViolation(tls::CLIENT.into()));
        let mut hello = [&HELLO[..], &[7; 100]].concat();
        assert_eq!(decode(&mut Framed::default(), &mut hello), expected);
        assert_eq!(decode(&mut Framed::new(10), &mut hello), expected);
        // Later it is a message like any other.
        let mut framed = Framed::default();
        assert_eq!(decode(&mut framed, &mut b"\x02hi".to_vec()), Ok(3));
        assert_eq!(decode(&mut framed, &mut hello), Ok(23));
        // And so is one of 22 bytes that only looks a little like it.
        hello[8] = 0xFB;
        assert_eq!(decode(&mut Framed::default(), &mut hello), Ok(23));
    }

    #[test]
    fn a_server_that_answers_by_an_alert_of_tls_is_told_as_such() {
        let mut alert = [0x15, 3, 3, 0, 2, 2, 50];
        let mut framed = Framed::default();
        assert_eq!(decode(&mut framed, &mut alert), Ok(0));
        let expected = CloseReason::ProtocolViolation(tls::SERVER.into());
        assert_eq!(framed.end_of_stream(alert.len()), expected);
        // What goes on is a message that begins so.
        let mut longer = [&alert[..], &[7; 15]].concat();
        assert_eq!(decode(&mut framed, &mut longer), Ok(22));
        assert_eq!(decode(&mut framed, &mut alert), Ok(0));
        assert_ne!(framed.end_of_stream(alert.len()), expected);
    }

    #[test]
    fn a_stream_that_ends_inside_a_frame_is_a_violation() {
        let mut framed = Framed::default();
        assert_eq!(framed.end_of_stream(0), CloseReason::PeerClosed);
        assert!(matches!(framed.end_of_stream(3), CloseReason::ProtocolViolation(_)));
    }
}
