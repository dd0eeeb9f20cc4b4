//! Ends that compress, and what they compress.

use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig};

use crate::common::Peer;

/// Ends that compress, and let messages refer to earlier ones.
pub fn takeover() -> (Peer, Peer) {
    pair(Deflate::dedicated(15), Deflate::dedicated(15))
}

pub fn pair(client: Deflate, server: Deflate) -> (Peer, Peer) {
    Peer::pair(
        &WsConnectConfig::default().with_deflate(client),
        &WsListenConfig::default().with_deflate(server),
    )
}

/// A text that looks like those before and after it.
pub fn text(number: usize, len: usize) -> Vec<u8> {
    let words = format!("{{\"type\":\"position\",\"player\":{number},\"x\":{},", number * 7919);
    words.bytes().cycle().take(len).collect()
}

/// Bytes that are not alike.
pub fn noise(len: usize, mut state: u32) -> Vec<u8> {
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

pub fn is_compressed(frame: &[u8]) -> bool {
    frame[0] & 0x40 != 0
}

/// DEFLATE of `parts`, one behind the other, as a peer sends it that compresses by itself.
pub fn deflated<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut zlib = zlib_rs::Deflate::new(9, false, 15);
    let (mut compressed, mut room) = (Vec::new(), vec![0; 1 << 20]);
    let mut add = |part: &[u8], flush| {
        let mut rest = part;
        loop {
            let (taken, made) = (zlib.total_in(), zlib.total_out());
            zlib.compress(rest, &mut room, flush).unwrap();
            rest = &rest[(zlib.total_in() - taken) as usize..];
            let made = (zlib.total_out() - made) as usize;
            compressed.extend_from_slice(&room[..made]);
            if rest.is_empty() && made < room.len() {
                break;
            }
        }
    };
    parts.into_iter().for_each(|part| add(part, zlib_rs::DeflateFlush::NoFlush));
    add(&[], zlib_rs::DeflateFlush::SyncFlush);
    compressed.truncate(compressed.len() - 4);
    compressed
}
