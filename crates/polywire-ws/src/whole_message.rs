//! A message in one frame that is there in whole, as most are: found by one look at the front of the input.

use crate::mask;
use crate::role::Role;

/// Where such a message lies in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeMessage {
    pub(crate) is_text: bool,
    start: usize,
    /// The first byte behind the frame.
    pub(crate) end: usize,
    /// All zeros, which change nothing, of a frame that is not masked.
    key: [u8; 4],
}

impl WholeMessage {
    /// The message at the front of `input`, of up to `max` bytes. `None` says nothing against what is there: it may
    /// be anything else, longer than 64 KiB, cut or wrong.
    #[inline(always)] // Of each message.
    pub(crate) fn find(input: &[u8], reader: Role, max: usize) -> Option<Self> {
        let (&[first, second], rest) = input.split_first_chunk()?;
        let is_text = match first {
            0x81 => true,
            0x82 => false,
            _ => return None,
        };
        let is_masked = reader.peer_masks();
        let mask_bit = if is_masked { 0x80 } else { 0 };
        let (payload, header, rest) = match second ^ mask_bit {
            short @ 0..=125 => (usize::from(short), 2, rest),
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = u16::from_be_bytes(*length);
                (usize::from(length), if length > 125 { 4 } else { return None }, rest)
            }
            _ => return None,
        };
        let (key, start) = match is_masked {
            true => (*rest.first_chunk()?, header + 4),
            false => ([0; 4], header),
        };
        let end = start + payload;
        (payload <= max && end <= input.len()).then_some(Self { is_text, start, end, key })
    }

    /// Its bytes, unmasked in place. `input` is that in which it was found.
    #[inline(always)]
    pub(crate) fn unmask(self, input: &mut [u8]) -> &[u8] {
        let payload = &mut input[self.start..self.end];
        if self.key != [0; 4] {
            mask::apply(payload, self.key);
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::OpCode;
    use crate::header::Header;

    #[test]
    fn whatever_is_found_is_what_the_header_says_and_whole_and_short_enough() {
        let mut found = 0;
        for (reader, max) in [(Role::Server, 300), (Role::Client, 300), (Role::Server, 10)] {
            for start in 0..=u16::MAX {
                let mut input = [0x01; 400];
                input[..2].copy_from_slice(&start.to_be_bytes());
                input[2..4].copy_from_slice(&260_u16.to_be_bytes());
                let Some(message) = WholeMessage::find(&input, reader, max) else { continue };
                found += 1;
                let header = Header::parse(&input, reader, || false).unwrap().unwrap();
                assert!(header.fin && header.payload <= max as u64);
                assert_eq!(message.start, header.size);
                assert_eq!(message.end as u64, header.size as u64 + header.payload);
                assert_eq!(message.is_text, header.opcode == OpCode::Text);
                assert_eq!(!message.is_text, header.opcode == OpCode::Binary);
                assert!(WholeMessage::find(&input[..message.end], reader, max).is_some());
                assert!(WholeMessage::find(&input[..message.end - 1], reader, max).is_none());
                let mut plain = input[message.start..message.end].to_vec();
                if let Some(key) = header.mask {
                    mask::apply(&mut plain, key);
                }
                assert_eq!(message.unmask(&mut input), plain);
            }
        }
        // All lengths up to 125 and the 260, as text and as binary, and none above the limit.
        assert_eq!(found, 2 * (127 + 127 + 11));
    }
}
