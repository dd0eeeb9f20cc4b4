//! The length that stands before each message, as an unsigned LEB128 number.

use polywire_core::CloseReason;
use unsigned_varint::decode::{self, Error};
use unsigned_varint::encode;

/// Bytes the length of a message takes on the wire at most.
pub const MAX_ENCODED_SIZE: usize = 10;

/// The size at the front of `input` and the bytes it takes there; `None` while it is not whole.
#[inline]
pub(crate) fn read_size(input: &[u8]) -> Result<Option<(u64, usize)>, CloseReason> {
    if let Some(&size @ 0..0x80) = input.first() {
        return Ok(Some((size.into(), 1))); // Most messages are short.
    }
    read_long_size(input)
}

fn read_long_size(input: &[u8]) -> Result<Option<(u64, usize)>, CloseReason> {
    let violation = |text: &'static str| Err(CloseReason::ProtocolViolation(text.into()));
    let (size, rest) = match decode::u64(input) {
        Ok(found) => found,
        Err(Error::Insufficient) => return Ok(None),
        Err(Error::NotMinimal) => return violation("a length has needless bytes"),
        Err(_) => return violation("a length has more than 64 bits"),
    };
    let used = input.len() - rest.len();
    // Nine bytes hold 63 bits, so the tenth holds one. The decoder drops the bits above it.
    if used == MAX_ENCODED_SIZE && input[MAX_ENCODED_SIZE - 1] > 1 {
        return violation("a length has more than 64 bits");
    }
    Ok(Some((size, used)))
}

/// The length of `message` as it stands on the wire.
pub(crate) fn write_size<'a>(message: &[u8], buf: &'a mut [u8; MAX_ENCODED_SIZE]) -> &'a [u8] {
    encode::u64(message.len() as u64, buf)
}
