//! Frames and their headers (RFC 6455 section 5.2).

use polywire_core::stream::Prefix;

use crate::close::{End, violation};
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
    fn parse(bits: u8) -> Result<Self, End> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(violation("reserved opcode")),
        })
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether this is the last frame of its message.
    pub(crate) fin: bool,
    pub(crate) opcode: OpCode,
    pub(crate) mask: Option<[u8; 4]>,
    /// Bytes of payload that the peer notifies.
    pub(crate) payload: u64,
    /// Bytes of the header itself.
    pub(crate) size: usize,
}

impl Header {
    /// The header at the front of `input`, or `None` if it is not whole yet.
    ///
    /// Everything that a header alone can do wrong is refused here, before a payload is awaited.
    pub(crate) fn parse(input: &[u8], role: Role) -> Result<Option<Self>, End> {
        let [first, second, rest @ ..] = input else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(violation("reserved bits are set"));
        }
        let (fin, opcode) = (first & 0x80 != 0, OpCode::parse(first & 0x0f)?);
        let (masked, short) = (second & 0x80 != 0, second & 0x7f);
        if masked != role.peer_masks() {
            return Err(violation(match role {
                Role::Server => "a client's frame is not masked",
                Role::Client => "a server's frame is masked",
            }));
        }
        if opcode.is_control() && !fin {
            return Err(violation("a control frame is fragmented"));
        }
        if opcode.is_control() && short > 125 {
            return Err(violation("a control frame is longer than 125 bytes"));
        }
        let Some((payload, rest)) = parse_length(short, rest)? else { return Ok(None) };
        let (mask, rest) = match (masked, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self { fin, opcode, mask, payload, size: input.len() - rest.len() }))
    }
}

/// The length of the payload and what lies behind it, or `None` if it is not whole yet.
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, End> {
    let (length, least, rest) = match short {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), 126, rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), 1 << 16, rest),
            None => return Ok(None),
        },
        _ => return Ok(Some((u64::from(short), rest))),
    };
    if length < least {
        return Err(violation("a length is not written in the fewest bytes"));
    }
    if length >> 63 != 0 {
        return Err(violation("the highest bit of a length is set"));
    }
    Ok(Some((length, rest)))
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
    fn a_header_written_is_the_header_read_at_every_boundary_of_the_length() {
        for payload in [0, 1, 125, 126, 65_535, 65_536, 1 << 30] {
            for (mask, reader) in [(None, Role::Client), (Some([1, 2, 3, 4]), Role::Server)] {
                let prefix = header(OpCode::Binary, payload, mask);
                let bytes = prefix.as_slice();
                let parsed = Header::parse(bytes, reader).unwrap().unwrap();
                assert_eq!((parsed.payload, parsed.mask), (payload as u64, mask));
                assert_eq!(parsed.size, bytes.len());
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut], reader), Ok(None));
                }
            }
        }
    }

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
