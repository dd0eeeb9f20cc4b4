//! Text that compresses as what servers send does: records with the same keys and other values.

use std::fmt::Write as _;

const NAMES: [&str; 8] = ["ACME", "BOLT", "CEDA", "DUNE", "ELMS", "FERN", "GLOW", "HAZE"];

/// JSON text of `size` bytes, cut off wherever that ends; a different text for each `seed`.
pub(crate) fn text(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut text = String::from("[");
    while text.len() < size {
        let (id, name) = (random(100_000), NAMES[random(8) as usize]);
        let (price, cents, volume) = (random(1000), random(100), random(50_000));
        let (minute, second, milli) = (random(60), random(60), random(1000));
        let _ = write!(
            text,
            r#"{{"id":{id},"symbol":"{name}","price":{price}.{cents:02},"volume":{volume},"#
        );
        let _ = write!(text, r#""time":"2026-11-28T09:{minute:02}:{second:02}.{milli:03}Z"}},"#);
    }
    text.truncate(size);
    text.into_bytes()
}
