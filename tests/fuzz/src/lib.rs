//! What the fuzz targets share: a protocol driven without a socket, and a node on scripted ones.

pub mod node;
pub mod peer;
pub mod stream;

/// Splits what the fuzzer gave into a choice, a rule for cutting, and the bytes to be cut.
///
/// The front is short and fixed so that a seed is six bytes and then what a peer would send.
pub fn parts(data: &[u8]) -> Option<(u8, [u8; 5], &[u8])> {
    let (&[choice, a, b, c, d, e], bytes) = data.split_first_chunk()?;
    Some((choice, [a, b, c, d, e], bytes))
}

/// Whether the WebSocket frame at the front of `bytes` says that it is masked.
pub fn is_masked(bytes: &[u8]) -> Option<bool> {
    bytes.get(1).map(|byte| byte & 0x80 != 0)
}

/// The pieces of `bytes`, as long as `cuts` says, over and over; 255 stands for a long one.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut cuts = cuts.iter().cycle();
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = match cuts.next() {
            Some(255) | None => 4096,
            Some(cut) => usize::from(*cut).max(1),
        };
        let (piece, later) = rest.split_at(len.min(rest.len()));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}
