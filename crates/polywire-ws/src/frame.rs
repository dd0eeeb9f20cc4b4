//! Frames as they are written (RFC 6455 section 5.2).

use polywire_core::stream::Frame;

use crate::mask;
use crate::role::Role;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpCode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl OpCode {
    /// The meaning of the lowest four bits of a frame's first byte, or `None` for those that are reserved.
    pub(crate) fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The bit of a frame's first byte that ends its message.
pub(crate) const FIN: u8 = 0x80;

/// The bits of a frame's first byte that extensions give a meaning.
pub(crate) const RESERVED: u8 = 0x70;
/// The one that says that the message is compressed: RSV1 (RFC 7692 section 6).
pub(crate) const COMPRESSED: u8 = 0x40;

/// Bytes that the header of a frame has at most.
pub(crate) const MAX_HEADER_BYTES: usize = 14;

/// Bytes of a payload at most whose length is told by the second byte of the frame.
const MAX_SHORT: usize = 125;

/// The header of a frame to be sent whose first byte is `first`, in `bytes`.
pub(crate) fn header(
    first: u8,
    payload: usize,
    mask: Option<[u8; 4]>,
    bytes: &mut [u8; MAX_HEADER_BYTES],
) -> &[u8] {
    bytes[0] = first;
    let mut size = match payload {
        0..=MAX_SHORT => {
            bytes[1] = payload as u8;
            2
        }
        126..=0xffff => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
            10
        }
    };
    if let Some(key) = mask {
        bytes[1] |= 0x80;
        bytes[size..size + 4].copy_from_slice(&key);
        size += 4;
    }
    &bytes[..size]
}

/// Puts an unfragmented frame together, masked if `role` is the one that masks.
pub(crate) fn write<'m>(role: Role, opcode: OpCode, payload: &'m [u8], frame: &mut impl Frame<'m>) {
    write_with(role, FIN | opcode as u8, payload, frame);
}

/// The same of any frame, whose first byte is `first`.
#[inline(always)]
pub(crate) fn write_with<'m>(role: Role, first: u8, payload: &'m [u8], frame: &mut impl Frame<'m>) {
    // As most of a server are: a header of a known size is copied faster.
    if role == Role::Server && payload.len() <= MAX_SHORT {
        frame.put(&[first, payload.len() as u8]);
        frame.put_message(payload);
    } else {
        write_any(role, first, payload, frame);
    }
}

#[cold] // For the compiler to make the other way the straight one.
#[inline(never)]
fn write_any<'m>(role: Role, first: u8, payload: &'m [u8], frame: &mut impl Frame<'m>) {
    let key = role.mask_key();
    frame.put(header(first, payload.len(), key, &mut [0; MAX_HEADER_BYTES]));
    match key {
        None => frame.put_message(payload),
        Some(key) => frame.put_changed(payload, |copy| mask::apply(copy, key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_written_as_printed() {
        let mut out = Vec::new();
        write(Role::Server, OpCode::Text, b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        let mut bytes = [0; MAX_HEADER_BYTES];
        let long = header(0x82, 256, None, &mut bytes);
        assert_eq!(long, [0x82, 0x7e, 0x01, 0x00]);
        let longer = header(0x82, 65_536, None, &mut bytes);
        assert_eq!(longer, [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
