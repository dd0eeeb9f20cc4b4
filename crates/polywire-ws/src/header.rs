//! Headers of frames as they are read (RFC 6455 section 5.2).

use crate::close::{End, violation};
use crate::frame::{COMPRESSED, OpCode, RESERVED};
use crate::role::Role;

/// The header of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether this is the last frame of its message.
    pub(crate) fin: bool,
    /// Whether it is the first frame of a compressed message.
    pub(crate) is_compressed: bool,
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
    /// `may_be_compressed` tells whether the connection has agreed to that.
    #[inline] // Into the decoding of each frame.
    pub(crate) fn parse(
        input: &[u8],
        role: Role,
        may_be_compressed: impl FnOnce() -> bool,
    ) -> Result<Option<Self>, End> {
        let [first, second, rest @ ..] = input else { return Ok(None) };
        let is_compressed = first & RESERVED != 0;
        if is_compressed && (first & RESERVED != COMPRESSED || !may_be_compressed()) {
            return Err(violation("reserved bits are set"));
        }
        let fin = first & 0x80 != 0;
        let opcode = OpCode::from_bits(first & 0x0f).ok_or_else(|| violation("reserved opcode"))?;
        let (masked, short) = (second & 0x80 != 0, second & 0x7f);
        if masked != role.peer_masks() {
            return Err(violation(match role {
                Role::Server => "a client's frame is not masked",
                Role::Client => "a server's frame is masked",
            }));
        }
        if is_compressed && !matches!(opcode, OpCode::Text | OpCode::Binary) {
            return Err(violation("a frame that begins no message is marked as compressed"));
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
        Ok(Some(Self { fin, is_compressed, opcode, mask, payload, size: input.len() - rest.len() }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{MAX_HEADER_BYTES, header};

    #[test]
    fn a_header_written_is_the_header_read_at_every_boundary_of_the_length() {
        for payload in [0, 1, 125, 126, 65_535, 65_536, 1 << 30] {
            for (mask, reader) in [(None, Role::Client), (Some([1, 2, 3, 4]), Role::Server)] {
                let mut bytes = [0; MAX_HEADER_BYTES];
                let bytes = header(0x82, payload, mask, &mut bytes);
                let parsed = Header::parse(bytes, reader, || false).unwrap().unwrap();
                assert_eq!((parsed.payload, parsed.mask), (payload as u64, mask));
                assert_eq!(parsed.size, bytes.len());
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut], reader, || false), Ok(None));
                }
            }
        }
    }
}
