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

/// Bytes that the header of a frame has at most.
pub(crate) const MAX_HEADER_BYTES: usize = 14;

/// The header of an unfragmented frame to be sent, in `bytes`.
#[inline(never)] // Of short ones it is put together where it is needed.
pub(crate) fn header(
    opcode: OpCode,
    payload: usize,
    mask: Option<[u8; 4]>,
    bytes: &mut [u8; MAX_HEADER_BYTES],
) -> &[u8] {
    bytes[0] = 0x80 | opcode as u8;
    let mut size = match payload {
        0..=125 => {
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
#[inline(always)]
pub(crate) fn write<'m>(role: Role, opcode: OpCode, payload: &'m [u8], frame: &mut impl Frame<'m>) {
    match (role.mask_key(), payload.len()) {
        // As most are: a header of a known size is copied faster.
        (None, len @ 0..=125) => {
            frame.put(&[0x80 | opcode as u8, len as u8]);
            frame.put_message(payload);
        }
        (Some(key @ [a, b, c, d]), len @ 0..=125) => {
            frame.put(&[0x80 | opcode as u8, 0x80 | len as u8, a, b, c, d]);
            frame.put_changed(payload, |copy| mask::apply(copy, key));
        }
        (key, len) => {
            frame.put(header(opcode, len, key, &mut [0; MAX_HEADER_BYTES]));
            match key {
                None => frame.put_message(payload),
                Some(key) => frame.put_changed(payload, |copy| mask::apply(copy, key)),
            }
        }
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
        let long = header(OpCode::Binary, 256, None, &mut bytes);
        assert_eq!(long, [0x82, 0x7e, 0x01, 0x00]);
        let longer = header(OpCode::Binary, 65_536, None, &mut bytes);
        assert_eq!(longer, [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
