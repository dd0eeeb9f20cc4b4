//! Compressed messages that are refused, and what they may cost until then (RFC 7692).
#![cfg(feature = "deflate")]

mod common;

use common::deflate::{deflated, noise, pair, takeover, text};
use common::{Peer, close_code, masked};
use polywire_core::CloseReason;
use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig};

#[test]
fn a_message_that_refers_to_one_before_is_refused_where_that_was_not_agreed_on() {
    let (mut client, _) = pair(Deflate::default(), Deflate::default());
    client.feed(&[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    client.feed(&[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(client.messages, [b"Hello"]);
    assert!(matches!(client.end, Some(CloseReason::ProtocolViolation(_))), "{:?}", client.end);
}

#[test]
fn the_bit_is_for_the_first_frame_of_a_message_alone() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for (frames, what) in [
        (vec![masked(0xc9, b"")], "a ping"),
        (vec![masked(0xca, b"")], "a pong"),
        (vec![masked(0xc8, b"")], "a Close"),
        (vec![masked(0x41, &hello[..3]), masked(0xc0, &hello[3..])], "a continuation"),
        (vec![masked(0x01, b"a"), masked(0xc0, b"b")], "one of a plain message"),
        (vec![masked(0xc0, b"b")], "one of no message"),
        (vec![masked(0xe1, &hello)], "RSV1 and RSV2"),
        (vec![masked(0xd1, &hello)], "RSV1 and RSV3"),
        (vec![masked(0xa1, &hello)], "RSV2"),
        (vec![masked(0xc3, &hello)], "a reserved opcode"),
    ] {
        let (_, mut server) = takeover();
        server.feed(&frames.concat());
        assert!(matches!(server.end, Some(CloseReason::ProtocolViolation(_))), "{what}");
        assert_eq!(close_code(&server.out), Some(1002), "{what}");
        assert!(server.messages.is_empty());
    }
}

#[test]
fn garbage_and_what_ends_too_early_is_refused() {
    let whole = deflated([&text(1, 1000)[..]]);
    for (payload, what) in [
        (vec![0xff; 100], "a reserved type of block"),
        (whole[..whole.len() - 1].to_vec(), "cut by a byte"),
        (whole[..whole.len() / 2].to_vec(), "cut in the middle"),
        (vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07], "without its empty block"),
        (vec![0x00, 0x05, 0x00, 0xfa, 0xff, 0x48], "a block of less than it says"),
        (
            [&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], b"garbage"].concat(),
            "behind a final block",
        ),
        (vec![0x02, 0x00, 0x11, 0x00, 0x00], "referring to what never was"),
        ([&whole[..], &[0x00, 0x00, 0xff, 0xff, 0x07]].concat(), "more behind the end"),
    ] {
        for cut in [0, payload.len() / 2, payload.len()] {
            let (_, mut server) = takeover();
            let frames = match cut {
                0 => masked(0xc2, &payload),
                _ => [masked(0x42, &payload[..cut]), masked(0x80, &payload[cut..])].concat(),
            };
            server.feed(&frames);
            assert!(
                matches!(server.end, Some(CloseReason::ProtocolViolation(_))),
                "{what}: {:?}",
                server.end
            );
            assert_eq!(close_code(&server.out), Some(1007), "{what}");
            assert!(server.messages.is_empty(), "{what}");
        }
    }
}

#[test]
fn text_is_checked_once_it_is_inflated() {
    let valid = "größe κόσμε 🦀".repeat(50);
    for (text, is_valid) in [
        (valid.as_bytes(), true),
        (&valid.as_bytes()[..valid.len() - 1], false),
        (b"a\xffb", false),
    ] {
        let payload = deflated([text]);
        for cut in 0..payload.len() {
            let (_, mut server) = takeover();
            server.feed(&[masked(0x41, &payload[..cut]), masked(0x80, &payload[cut..])].concat());
            match is_valid {
                true => assert_eq!(server.messages, [text], "{:?}", server.end),
                false => assert_eq!(close_code(&server.out), Some(1007)),
            }
        }
    }
}

#[test]
fn the_limit_is_that_of_the_inflated_message() {
    for fragments in [1, 2, 5] {
        for (len, fits) in [(100_000, true), (100_001, false), (10 << 20, false)] {
            let listen = WsListenConfig::default()
                .with_max_message_size(100_000)
                .with_deflate(Deflate::dedicated(15));
            let connect = WsConnectConfig::default().with_deflate(Deflate::dedicated(15));
            let (_, mut server) = Peer::pair(&connect, &listen);
            let message = vec![b'a'; len];
            let payload = deflated([&message[..]]);
            for (at, piece) in payload.chunks(payload.len().div_ceil(fragments)).enumerate() {
                let first =
                    if at == 0 { 0x42 } else { 0 } | if at + 1 == fragments { 0x80 } else { 0 };
                server.feed(&masked(first, piece));
            }
            match fits {
                true => assert!(server.messages == [message], "{:?}", server.end),
                false => {
                    let expected = CloseReason::MessageTooLarge { size: 100_001, max: 100_000 };
                    assert_eq!(server.end, Some(expected), "{len} bytes in {fragments}");
                    assert_eq!(close_code(&server.out), Some(1009));
                }
            }
        }
    }
}

/// A server that takes messages of `max` bytes, in frames of as many.
fn server_with_limit(max: usize) -> Peer {
    let listen = WsListenConfig::default()
        .with_max_message_size(max)
        .with_max_frame_size(max)
        .with_deflate(Deflate::dedicated(15));
    Peer::pair(&WsConnectConfig::default().with_deflate(Deflate::dedicated(15)), &listen).1
}

#[test]
fn a_message_that_fits_may_be_longer_while_it_is_compressed() {
    for (len, fits) in [(1000, true), (1001, false)] {
        let message = noise(len, 1);
        let length = u16::try_from(len).unwrap().to_le_bytes();
        // A block that is stored as it is, and the empty one behind it.
        let header = [0, length[0], length[1], !length[0], !length[1]];
        let payload = [&header[..], &message, &[0]].concat();
        for cut in [0, 1, 500, payload.len() - 1] {
            let frames = match cut {
                0 => masked(0xc2, &payload),
                _ => [masked(0x42, &payload[..cut]), masked(0x80, &payload[cut..])].concat(),
            };
            let mut server = server_with_limit(1000);
            server.feed(&frames);
            match fits {
                true => assert!(server.messages == [&message[..]], "{:?}", server.end),
                false => assert_eq!(
                    server.end,
                    Some(CloseReason::MessageTooLarge { size: 1001, max: 1000 })
                ),
            }
        }
    }
}

#[test]
fn what_is_compressed_is_refused_by_its_length_alone_from_an_eighth_more_on() {
    let mut server = server_with_limit(1000);
    server.feed(&masked(0xc2, &[0; 1190])[..8]);
    assert_eq!(server.end, Some(CloseReason::MessageTooLarge { size: 1190, max: 1000 }));
    for (opcode, len) in [(0x82, 1001), (0x02, 1001)] {
        let mut server = server_with_limit(1000);
        server.feed(&masked(opcode, &vec![0; len]));
        assert_eq!(server.end, Some(CloseReason::MessageTooLarge { size: 1001, max: 1000 }));
    }
}

#[test]
fn a_peer_gets_no_inflater_for_a_byte() {
    let (_, mut server) = takeover();
    let payload = deflated([&noise(20_000, 1)[..]]);
    let mut sent = 1;
    server.feed(&masked(0x42, &payload[..1]));
    for byte in &payload[1..5000] {
        server.feed(&masked(0x00, &[*byte]));
        sent += 1;
        let kept = server.half_received().unwrap();
        assert!(kept <= if sent < 4096 { 4096 } else { 64 << 10 }, "{kept} bytes kept of {sent}");
    }
    server.feed(&masked(0x80, &payload[5000..]));
    assert!(server.messages == [noise(20_000, 1)], "{:?}", server.end);
    assert_eq!(server.half_received(), None);
}
