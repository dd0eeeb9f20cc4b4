//! Frames as they are written (RFC 6455 section 5.2).

use polywire_core::stream::Prefix;

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

/// The header of an unfragmented frame to be sent.
#[inline(never)] // Of short ones it is put together where it is needed.
pub(crate) fn header(opcode: OpCode, payload: usize, mask: Option<[u8; 4]>) -> Prefix {
    let mut bytes = [0; Prefix::CAPACITY];
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
    Prefix::new(&bytes[..size]).unwrap_or_default()
}

/// Appends an unfragmented frame, masked if `role` is the one that masks.
#[inline(always)]
pub(crate) fn write(role: Role, opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let key = role.mask_key();
    match (u8::try_from(payload.len()), key) {
        // As most are: a header of a known size is copied faster.
        (Ok(len @ 0..=125), None) => out.extend_from_slice(&[0x80 | opcode as u8, len]),
        (Ok(len @ 0..=125), Some([a, b, c, d])) => {
            out.extend_from_slice(&[0x80 | opcode as u8, 0x80 | len, a, b, c, d]);
        }
        _ => out.extend_from_slice(header(opcode, payload.len(), key).as_slice()),
    }
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask::apply(&mut out[start..], key);
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
        let long = header(OpCode::Binary, 256, None);
        assert_eq!(long.as_slice(), [0x82, 0x7e, 0x01, 0x00]);
        let longer = header(OpCode::Binary, 65_536, None);
        assert_eq!(longer.as_slice(), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
