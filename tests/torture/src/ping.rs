//! The messages of healthy clients: length, number, checksum, payload.

/// Bytes before the payload: the length of the payload (4), the number (8), the checksum (8).
const HEADER_LEN: usize = 20;

/// A message that came back whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ping {
    pub(crate) number: u64,
}

/// The bytes of a message.
pub(crate) fn write(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER_LEN + payload.len());
    message.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    message.extend_from_slice(&number.to_be_bytes());
    message.extend_from_slice(&checksum(number, payload).to_be_bytes());
    message.extend_from_slice(payload);
    message
}

impl Ping {
    /// The message that these bytes are, all of them, if it is intact.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let (len, rest) = message.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (sum, payload) = rest.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(*number);
        let is_intact = u32::from_be_bytes(*len) as usize == payload.len()
            && u64::from_be_bytes(*sum) == checksum(number, payload);
        is_intact.then_some(Self { number })
    }
}

/// Takes the message at the front of a stream of bytes once it is there as a whole: `None` within
/// if it is broken.
pub(crate) fn take_from(stream: &mut Vec<u8>) -> Option<Option<Ping>> {
    let len = u32::from_be_bytes(*stream.first_chunk::<4>()?) as usize;
    // A length that was never sent is a broken message, not one to wait for.
    let len = HEADER_LEN + len.min(1 << 20);
    if stream.len() < len {
        return None;
    }
    Some(Ping::read(&stream.drain(..len).collect::<Vec<_>>()))
}

/// FNV-1a, see draft-eastlake-fnv.
fn checksum(number: u64, payload: &[u8]) -> u64 {
    let bytes = number.to_be_bytes();
    bytes.iter().chain(payload).fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_one_bit_changed_is_broken() {
        let whole = write(7, b"payload");
        assert_eq!(Ping::read(&whole), Some(Ping { number: 7 }));
        for bit in 0..whole.len() * 8 {
            let mut broken = whole.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Ping::read(&broken), None, "bit {bit}");
        }
    }

    #[test]
    fn messages_are_taken_from_a_stream_one_by_one() {
        let mut stream = [write(1, b"a"), write(2, b"")].concat();
        let last = stream.pop().unwrap();
        assert_eq!(take_from(&mut stream), Some(Some(Ping { number: 1 })));
        assert_eq!(take_from(&mut stream), None);
        stream.push(last);
        assert_eq!(take_from(&mut stream), Some(Some(Ping { number: 2 })));
        assert!(stream.is_empty());
    }
}
