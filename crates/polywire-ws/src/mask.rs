//! Masking of payloads (RFC 6455 section 5.3).

/// Bytes that a round of the loop masks: four vector registers.
const BLOCK: usize = 64;

/// Masks `payload` with `key`, or unmasks it: the two are the same.
///
/// In words of eight bytes, which the compiler puts into vector registers. The last word overlaps the one before it,
/// so no byte is masked alone.
#[inline(always)] // Into the decoding of each message.
pub(crate) fn apply(payload: &mut [u8], key: [u8; 4]) {
    let key = u32::from_le_bytes(key);
    let (front, behind) = (wide(key), wide(key_at(payload.len(), key)));
    // Read before its first bytes are masked.
    let Some(last) = payload.last_chunk() else { return apply_to_few(payload, key) };
    let last = u64::from_le_bytes(*last) ^ behind;
    let mut blocks = payload.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        apply_to_words(block, front);
    }
    apply_to_words(blocks.into_remainder(), front);
    if let Some(end) = payload.last_chunk_mut() {
        *end = last.to_le_bytes();
    }
}

#[inline(always)]
fn apply_to_words(bytes: &mut [u8], key: u64) {
    for word in bytes.chunks_exact_mut(8).filter_map(<[u8]>::first_chunk_mut) {
        *word = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
    }
}

/// The same of less than a word.
#[inline(never)] // Not in the way of longer ones.
fn apply_to_few(bytes: &mut [u8], key: u32) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let first = u32::from_le_bytes(*first) ^ key;
        let last = u32::from_le_bytes(*last) ^ key_at(bytes.len(), key);
        bytes[..4].copy_from_slice(&first.to_le_bytes());
        let start = bytes.len() - 4;
        bytes[start..].copy_from_slice(&last.to_le_bytes());
    } else {
        for (byte, key) in bytes.iter_mut().zip(key.to_le_bytes()) {
            *byte ^= key;
        }
    }
}

/// The key rotated to where it continues after `bytes` bytes, and so also within the last word of them.
#[inline(always)]
fn key_at(bytes: usize, key: u32) -> u32 {
    key.rotate_right(8 * (bytes % 4) as u32)
}

/// The key, twice.
#[inline(always)]
fn wide(key: u32) -> u64 {
    u64::from(key) << 32 | u64::from(key)
}

#[cfg(test)]
mod tests {
    #[test]
    fn masking_is_the_exclusive_or_with_the_repeated_key_at_every_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..=255_u8 {
            let plain: Vec<u8> = (0..len).collect();
            let mut masked = plain.clone();
            super::apply(&mut masked, key);
            for (at, (masked, plain)) in masked.iter().zip(&plain).enumerate() {
                assert_eq!(*masked, plain ^ key[at % 4], "byte {at} of {len}");
            }
        }
    }
}
