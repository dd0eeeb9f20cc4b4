//! Masking of payloads (RFC 6455 section 5.3).

/// Masks `payload` with `key`, or unmasks it: the two are the same.
///
/// Eight bytes at a time, which the compiler turns into vector instructions.
pub(crate) fn apply(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn masking_is_the_exclusive_or_with_the_repeated_key_at_every_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..40_u8 {
            let plain: Vec<u8> = (0..len).collect();
            let mut masked = plain.clone();
            super::apply(&mut masked, key);
            for (at, (masked, plain)) in masked.iter().zip(&plain).enumerate() {
                assert_eq!(*masked, plain ^ key[at % 4], "byte {at} of {len}");
            }
        }
    }
}
