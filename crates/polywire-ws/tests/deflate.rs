//! Compressed messages (RFC 7692).
#![cfg(feature = "deflate")]

mod common;

use common::deflate::{deflated, is_compressed, noise, pair, takeover, text};
use common::{Peer, REQUEST, close_code, raw};
use polywire_core::network::SendStatus;
use polywire_core::stream::Encoder;
use polywire_core::{CloseReason, MessageKind};
use polywire_ws::{
    Deflate, UNCOMPRESSED_BINARY, UNCOMPRESSED_TEXT, WsConnectConfig, WsListenConfig,
};

#[test]
fn the_examples_of_the_rfc_are_understood() {
    for frames in [
        // Section 7.2.3.1: one block, whole and in fragments.
        &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        &[0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00],
        // Section 7.2.3.3: a block without compression.
        &[0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        // Section 7.2.3.4: a block with BFINAL, and the same without the byte behind it.
        &[0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xc1, 0x07, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        // Section 7.2.3.5: two blocks.
        &[0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ] {
        for cuts in [&[1_usize][..], &[100], &[3, 2]] {
            let (mut client, _) = takeover();
            client.feed_cut(&[frames, frames].concat(), cuts);
            assert_eq!(client.messages, [b"Hello", b"Hello"], "{frames:x?}: {:?}", client.end);
            assert_eq!(client.kinds, [MessageKind::TEXT; 2]);
        }
    }
    // Section 7.2.3.2: the second message refers to the first.
    let (mut client, _) = takeover();
    client.feed(&[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    client.feed(&[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(client.messages, [b"Hello", b"Hello"], "{:?}", client.end);
    // Section 7.2.3.6: an empty message; and one of no block at all.
    for empty in [
        &[0xc1, 0x01, 0x00][..],
        &[0xc1, 0x00],
        &[0x41, 0x00, 0x80, 0x01, 0x00],
        &[0x41, 0x00, 0x80, 0x00],
    ] {
        let (mut client, _) = takeover();
        client.feed(&[empty, empty].concat());
        assert_eq!(client.messages, [b"", b""], "{empty:x?}: {:?}", client.end);
    }
}

#[test]
fn both_ends_understand_each_other_with_all_windows_and_contexts() {
    let lens = [300, 5000, 256, 70_000, 1000, 300, 0, 20, 513];
    let directions = (9..=15).flat_map(|bits| [(true, bits), (false, bits)]);
    for (takeover, bits) in directions {
        for level in [1, 4, 6, 9] {
            let config = Deflate::dedicated(bits)
                .with_level(level)
                .with_send_context_takeover(takeover)
                .with_receive_context_takeover(takeover);
            let (mut client, mut server) = pair(config, config);
            let mut sizes = Vec::new();
            for (number, len) in lens.into_iter().enumerate() {
                let message =
                    [&text(number, len / 2)[..], &noise(len / 8, 1), &text(number, len / 3)]
                        .concat();
                let (ping, pong) = (client.frame(&message), server.frame(&message));
                sizes.push(pong.len());
                server.feed_cut(&ping, &[1000, 1, 7]);
                client.feed(&pong);
                for end in [&client, &server] {
                    assert_eq!(end.end, None, "{config:?}, {len} bytes");
                    assert!(end.messages.last() == Some(&message), "{config:?}, {len} bytes");
                }
            }
            // The sixth message is much like those before, which counts if it may refer to them.
            assert!(sizes[5] < if takeover { 100 } else { 300 }, "{config:?}: {sizes:?}");
        }
    }
}

#[test]
fn ends_that_are_configured_otherwise_agree_on_what_both_can() {
    let configs = [
        Deflate::default(),
        Deflate::dedicated(15),
        Deflate::dedicated(9),
        Deflate::dedicated(12).with_send_context_takeover(false),
        Deflate::default().with_receive_window_bits(10).with_send_window_bits(11),
    ];
    for client_config in configs {
        for server_config in configs {
            let (mut client, mut server) = pair(client_config, server_config);
            for number in 0..20 {
                let message = text(number, 100 + 400 * number);
                server.feed(&client.frame(&message));
                client.feed(&server.frame(&message));
                assert_eq!(
                    server.messages.last(),
                    Some(&message),
                    "{client_config:?} {server_config:?}"
                );
                assert_eq!(
                    client.messages.last(),
                    Some(&message),
                    "{client_config:?} {server_config:?}"
                );
            }
        }
    }
}

#[test]
fn an_end_that_does_not_compress_is_spoken_to_without() {
    let deflate = Deflate::default();
    for (client, server) in [
        (WsConnectConfig::default(), WsListenConfig::default().with_deflate(deflate)),
        (WsConnectConfig::default().with_deflate(deflate), WsListenConfig::default()),
    ] {
        let (mut client, mut server) = Peer::pair(&client, &server);
        let frame = server.frame(&text(1, 1000));
        assert!(!is_compressed(&frame) && frame.len() == 1004);
        assert!(!is_compressed(&client.frame(&text(1, 1000))));
        assert!(!server.encoder.changes_messages());
        client.feed(&[0xc2, 1, 0]);
        let reason = CloseReason::ProtocolViolation("reserved bits are set".into());
        assert_eq!(client.end, Some(reason.clone()));
        server.feed(&[0xc2]);
        server.feed(&[0x81]);
        assert_eq!(server.end, Some(reason), "before the payload is there");
        assert_eq!(close_code(&server.out), Some(1002));
    }
    let mut server = Peer::server(&WsListenConfig::default().with_deflate(deflate));
    server.feed(REQUEST);
    assert!(server.ready && !server.text_out().contains("Extensions"), "{}", server.text_out());
}

#[test]
fn control_frames_may_come_between_the_fragments() {
    let messages = [text(1, 40_000), text(2, 300), noise(30_000, 5)];
    let (mut client, _) = takeover();
    for message in &messages {
        let payload = deflated([&message[..]]);
        let pieces = payload.chunks(997);
        let last = pieces.len() - 1;
        for (at, piece) in pieces.enumerate() {
            let first = if at == 0 { 0x42 } else { 0 } | if at == last { 0x80 } else { 0 };
            client.feed(&[raw(first, piece, false), raw(0x89, b"between", false)].concat());
        }
        // Each message was compressed by itself, which takeover allows.
        assert!(client.messages.last() == Some(message), "{:?}", client.end);
    }
    assert_eq!(client.messages.len(), messages.len());
}

#[test]
fn short_messages_and_those_that_do_not_get_shorter_are_left_alone() {
    for config in [Deflate::default(), Deflate::dedicated(15)] {
        let (mut client, mut server) = pair(config, config);
        for (message, expected) in [
            (text(1, 255), false),
            (text(1, 256), true),
            (noise(10_000, 1), false),
            (text(2, 5000), true),
            (noise(10_000, 2), false),
            (text(2, 5000), true),
        ] {
            let frame = server.frame(&message);
            assert_eq!(is_compressed(&frame), expected, "{} bytes", message.len());
            assert!(frame.len() <= message.len() + 4);
            client.feed(&frame);
            let frame = client.frame(&message);
            assert_eq!(is_compressed(&frame), expected, "{} bytes", message.len());
            server.feed(&frame);
            assert!(
                client.messages.last() == Some(&message)
                    && server.messages.last() == Some(&message)
            );
        }
    }
}

#[test]
fn the_program_chooses_what_is_compressed() {
    let (mut client, mut server) = takeover();
    let message = text(1, 1000);
    for (kind, expected, received) in [
        (MessageKind::TEXT, true, MessageKind::TEXT),
        (UNCOMPRESSED_TEXT, false, MessageKind::TEXT),
        (MessageKind::BINARY, true, MessageKind::BINARY),
        (UNCOMPRESSED_BINARY, false, MessageKind::BINARY),
        (MessageKind::UNSPECIFIED, true, MessageKind::BINARY),
    ] {
        let frame = server.frame_as(kind, &message).unwrap();
        assert_eq!(is_compressed(&frame), expected, "{kind:?}");
        client.feed(&frame);
        server.feed(&client.frame_as(kind, &message).unwrap());
        assert_eq!(client.kinds.last(), Some(&received));
        assert_eq!(server.kinds.last(), Some(&received));
    }
    assert_eq!(server.frame_as(UNCOMPRESSED_TEXT, b"\xff"), Err(SendStatus::InvalidMessage));
    // Also where nothing is compressed, and where messages may come in pieces.
    for config in [WsListenConfig::default(), WsListenConfig::default().with_fragments(true)] {
        let server = Peer::open_server(&config);
        let frame = |kind| server.frame_as(kind, b"a").map(|frame| frame[0]);
        assert_eq!(frame(UNCOMPRESSED_TEXT), Ok(0x81));
        assert_eq!(frame(UNCOMPRESSED_BINARY), Ok(0x82));
        let refused = server.frame_as(UNCOMPRESSED_TEXT, b"\xff");
        assert_eq!(refused, Err(SendStatus::InvalidMessage));
    }
}

#[test]
fn long_messages_arrive_whole() {
    let message = [text(1, 3 << 20), noise(1 << 20, 3), text(2, 1 << 20)].concat();
    for config in [Deflate::default(), Deflate::dedicated(10)] {
        let (mut client, mut server) = pair(config, config);
        for _ in 0..2 {
            let frame = server.frame(&message);
            assert!(is_compressed(&frame) && frame.len() < 2 << 20);
            client.feed(&frame);
            assert!(client.messages.last() == Some(&message), "{:?}", client.end);
            server.feed(&client.frame(&message));
            assert!(server.messages.last() == Some(&message), "{:?}", server.end);
        }
    }
}

#[test]
fn connections_with_the_same_parameters_frame_alike() {
    let with = |deflate: Deflate, connect: Deflate| pair(connect, deflate).1.encoder.framing();
    let shared = Deflate::default();
    let number = with(shared, shared);
    assert!(number.is_some());
    assert_eq!(with(shared, shared), number);
    assert_eq!(with(shared, Deflate::dedicated(15)), number);
    let plain =
        Peer::open_server(&WsListenConfig::default().with_deflate(shared)).encoder.framing();
    let numbers = [
        plain,
        number,
        with(shared.with_level(6), shared),
        with(shared.with_threshold(257), shared),
        with(shared, Deflate::default().with_receive_window_bits(10)),
    ];
    for (at, one) in numbers.iter().enumerate() {
        assert!(one.is_some() && !numbers[..at].contains(one), "{numbers:?}");
    }
    assert_eq!(with(Deflate::dedicated(15), Deflate::dedicated(15)), None);
    let (client, server) = takeover();
    assert!(server.encoder.is_ordered() && client.encoder.is_ordered());
    let (client, server) = pair(shared, shared);
    assert!(!server.encoder.is_ordered() && !client.encoder.is_ordered());
}

#[test]
fn a_configuration_that_no_compressor_has_is_refused() {
    let config = WsListenConfig::default().with_deflate(Deflate::dedicated(8));
    assert!(polywire_ws::WsProtocol::server(&config).is_err());
}

/// A client that got a server's answer with `from` replaced by `to`.
fn answered(from: &str, to: &str) -> Peer {
    let deflate = Deflate::dedicated(15);
    let connect = WsConnectConfig::default().with_deflate(deflate);
    let mut client = Peer::client("ws://example.org/", &connect);
    let mut server = Peer::server(&WsListenConfig::default().with_deflate(deflate));
    server.feed(&std::mem::take(&mut client.out));
    let answer = server.text_out();
    assert!(answer.contains(from), "{answer}");
    client.feed(answer.replace(from, to).as_bytes());
    client
}

#[test]
fn a_server_whose_window_is_too_small_for_a_compressor_gets_plain_messages() {
    let mut client = answered("client_max_window_bits=15", "client_max_window_bits=8");
    assert!(client.ready, "{:?}", client.end);
    assert!(!is_compressed(&client.frame(&text(1, 1000))));
    client.feed(&[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(client.messages, [b"Hello"]);
}

#[test]
fn a_client_does_not_take_what_it_has_not_offered() {
    for to in [
        "client_max_window_bits=16",
        "client_max_window_bits",
        "unknown",
        "client_no_context_takeover=1",
        "client_no_context_takeover, permessage-deflate",
        "client_no_context_takeover, other",
        "client_no_context_takeover;",
        "client_no_context_takeover\r\nSec-WebSocket-Extensions: other",
    ] {
        let client = answered("client_max_window_bits=15", to);
        assert!(
            matches!(client.end, Some(CloseReason::HandshakeRefused(_))),
            "{to}: {:?}",
            client.end
        );
        assert!(!client.ready);
    }
}
