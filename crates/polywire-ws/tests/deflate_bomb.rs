//! A message that inflates to a thousand times its length, in a process of its own whose memory is watched.
#![cfg(all(feature = "deflate", target_os = "linux"))]

mod common;

use common::deflate::{deflated, pair};
use common::{Peer, masked};
use polywire_core::CloseReason;
use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig};

/// The most that this process has had in memory.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Under a sanitizer memory is the sanitizer's.
fn assert_grown_by_at_most(bytes: usize, before: usize) {
    let grown = peak_bytes() - before;
    assert!(cfg!(polywire_sanitized) || grown <= bytes, "{grown} bytes");
}

#[test]
fn a_gibibyte_in_a_mebibyte_is_refused_in_little_memory() {
    let zeros = vec![0; 1 << 20];
    let payload = deflated(std::iter::repeat_n(&zeros[..], 1 << 10));
    let bomb = masked(0xc2, &payload);
    assert!(bomb.len() < 2 << 20);
    for config in [Deflate::default(), Deflate::dedicated(15)] {
        let (_, mut server) = pair(config, config);
        server.feed(&masked(0xc2, &deflated([&zeros[..]])));
        let before = peak_bytes();
        server.feed(&bomb);
        assert!(
            matches!(server.end, Some(CloseReason::MessageTooLarge { .. })),
            "{:?}",
            server.end
        );
        // The bomb itself, and up to a mebibyte that it may make.
        assert_grown_by_at_most(8 << 20, before);
    }
    // In fragments it takes as much as a message may, and no more.
    let deflate = Deflate::default();
    let listen = WsListenConfig::default().with_max_message_size(4 << 20).with_deflate(deflate);
    let (_, mut server) = Peer::pair(&WsConnectConfig::default().with_deflate(deflate), &listen);
    let before = peak_bytes();
    server.feed(&masked(0x42, &payload[..10_000]));
    server.feed(&masked(0x80, &payload[10_000..]));
    let expected = CloseReason::MessageTooLarge { size: (4 << 20) + 1, max: 4 << 20 };
    assert_eq!(server.end, Some(expected));
    assert_grown_by_at_most(16 << 20, before);
}
