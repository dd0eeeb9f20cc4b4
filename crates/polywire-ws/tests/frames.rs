//! Frames after the handshake, as RFC 6455 section 5 has them.

mod common;

use common::{Peer, close_code, masked, raw};
use polywire_core::CloseReason;
use polywire_core::stream::Encoder;
use polywire_ws::{WsConnectConfig, WsListenConfig};

fn server() -> Peer {
    Peer::open_server(&WsListenConfig::default())
}

fn client() -> Peer {
    Peer::open_client(&WsConnectConfig::default())
}

/// What a server does with these frames: its end and the code it sends.
fn refusal(config: &WsListenConfig, bytes: &[u8]) -> (CloseReason, Option<u16>) {
    let mut server = Peer::open_server(config);
    server.feed(bytes);
    let end = server.end.clone().unwrap_or_else(|| panic!("not refused: {bytes:x?}"));
    (end, close_code(&server.out))
}

#[test]
fn the_examples_of_the_rfc_are_understood() {
    let mut server = server();
    server.feed(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    server.feed(&[0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(server.messages, [b"Hello"]);
    assert_eq!(server.out, [0x8a, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    let mut client = client();
    client.feed(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    client.feed(&[0x01, 0x03, 0x48, 0x65, 0x6c]);
    client.feed(&[0x80, 0x02, 0x6c, 0x6f]);
    assert_eq!(client.messages, [b"Hello", b"Hello"]);
}

#[test]
fn messages_of_every_length_class_pass_both_ways() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 10 << 20] {
        let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let (mut client, mut server) = (client(), server());
        server.feed(&client.frame(&message));
        client.feed(&server.frame(&message));
        assert!(server.messages == [message.clone()] && client.messages == [message], "{len}");
    }
}

#[test]
fn three_frames_in_one_read_are_three_messages_wherever_they_are_cut() {
    let frames: Vec<u8> =
        [&b"one"[..], b"", b"three"].iter().flat_map(|text| masked(0x82, text)).collect();
    for cut in 0..=frames.len() {
        let mut server = server();
        server.feed(&frames[..cut]);
        server.feed(&frames[cut..]);
        assert_eq!(server.messages, [&b"one"[..], b"", b"three"], "cut at {cut}");
    }
}

#[test]
fn keys_differ_from_frame_to_frame() {
    let client = client();
    let keys: std::collections::HashSet<_> =
        (0..100).map(|_| client.frame(b"x")[2..6].to_vec()).collect();
    assert!(keys.len() > 95);
}

#[test]
fn fragments_are_put_together_with_control_frames_between_them() {
    let mut server = server();
    for frame in [
        masked(0x01, b"fr"),
        masked(0x89, b"ping"),
        masked(0x00, b""),
        masked(0x8a, b"unasked"),
        masked(0x80, b"agments"),
        masked(0x82, b"next"),
    ] {
        server.feed(&frame);
    }
    assert_eq!(server.messages, [&b"fragments"[..], b"next"]);
    assert_eq!(server.out, raw(0x8a, b"ping", false));
}

#[test]
fn a_character_may_be_cut_between_fragments_but_not_by_the_end() {
    let text = "κόσμε 🦀".as_bytes();
    for cut in 0..=text.len() {
        let mut server = server();
        server.feed(&masked(0x01, &text[..cut]));
        server.feed(&masked(0x80, &text[cut..]));
        assert_eq!(server.messages, [text], "cut at {cut}");
    }
    let cut = [masked(0x01, b"a"), masked(0x80, &text[..1])].concat();
    assert_eq!(refusal(&WsListenConfig::default(), &cut).1, Some(1007));
}

#[test]
fn what_the_rfc_forbids_is_refused_with_its_code() {
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("reserved bit 1", masked(0xc2, b""), 1002),
        ("reserved bit 2", masked(0xa2, b""), 1002),
        ("reserved bit 3", masked(0x92, b""), 1002),
        ("reserved data opcode", masked(0x83, b""), 1002),
        ("reserved control opcode", masked(0x8b, b""), 1002),
        ("unmasked", raw(0x82, b"x", false), 1002),
        ("fragmented ping", masked(0x09, b""), 1002),
        ("fragmented close", masked(0x08, b""), 1002),
        ("long ping", masked(0x89, &[0; 126]), 1002),
        ("continuation of nothing", masked(0x80, b"x"), 1002),
        ("message inside a message", [masked(0x02, b"x"), masked(0x82, b"y")].concat(), 1002),
        ("length 5 in 16 bits", vec![0x82, 0xfe, 0, 5], 1002),
        ("length 65535 in 64 bits", vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 1002),
        ("length with the highest bit", [vec![0x82, 0xff], vec![0xff; 8]].concat(), 1002),
        ("length 2^62", [vec![0x82, 0xff, 0x40], vec![0; 7], vec![0; 4]].concat(), 1009),
        ("text that is not UTF-8", masked(0x81, b"\xff"), 1007),
        ("text cut inside a character", masked(0x81, "ö".as_bytes()[..1].into()), 1007),
        ("bad text in a first fragment", masked(0x01, b"\xc0\x80"), 1007),
        ("half a close code", masked(0x88, b"\x03"), 1002),
        ("close code 1005", masked(0x88, &1005_u16.to_be_bytes()), 1002),
        ("close text that is not UTF-8", masked(0x88, b"\x03\xe8\xff"), 1007),
    ];
    for (what, bytes, code) in cases {
        let (reason, sent) = refusal(&WsListenConfig::default(), bytes);
        assert_eq!(sent, Some(*code), "{what}: {reason}");
        let expected = match code {
            1009 => matches!(reason, CloseReason::MessageTooLarge { .. }),
            _ => matches!(reason, CloseReason::ProtocolViolation(_)),
        };
        assert!(expected, "{what}: {reason:?}");
    }
}

#[test]
fn a_violation_is_refused_before_its_payload_comes() {
    for bytes in [&[0xc2, 0xff][..], &[0x83, 0x80], &[0x82, 0x05], &[0x80, 0xfe, 1, 0, 0, 0, 0, 0]]
    {
        assert_eq!(refusal(&WsListenConfig::default(), bytes).1, Some(1002), "{bytes:x?}");
    }
}

#[test]
fn a_client_refuses_masked_frames() {
    let mut client = client();
    client.feed(&masked(0x82, b"x"));
    assert!(matches!(client.end, Some(CloseReason::ProtocolViolation(_))));
    let mut server = server();
    server.feed(&client.out);
    assert!(matches!(server.end, Some(CloseReason::PeerClosedWith { code: 1002, .. })));
}

#[test]
fn too_long_is_refused_when_announced_and_not_before() {
    let config = WsListenConfig::default().with_max_message_size(1000).with_max_frame_size(600);
    let mut server = Peer::open_server(&config);
    assert_eq!(server.encoder.max_message_size(), 1000);
    server.feed(&[masked(0x02, &[1; 600]), masked(0x80, &[2; 400])].concat());
    assert_eq!(server.messages, [[vec![1; 600], vec![2; 400]].concat()]);

    let large = CloseReason::MessageTooLarge { size: 601, max: 600 };
    assert_eq!(refusal(&config, &masked(0x82, &[1; 601])[..8]), (large, Some(1009)));
    let fragments = [masked(0x02, &[1; 600]), masked(0x80, &[2; 401])[..8].to_vec()].concat();
    let large = CloseReason::MessageTooLarge { size: 1001, max: 1000 };
    assert_eq!(refusal(&config, &fragments), (large, Some(1009)));
}

#[test]
fn endless_fragments_are_cut_whether_empty_or_not() {
    for payload in [&b""[..], b"x"] {
        let mut server = server();
        server.feed(&masked(0x02, payload));
        let fragments = masked(0x00, payload).repeat(1000);
        let mut sent = 0;
        while server.end.is_none() && sent < 1_000_000 {
            server.feed(&fragments);
            sent += 1000;
        }
        assert!(sent <= 132_000, "{sent}");
        assert_eq!(close_code(&server.out), Some(1008));
    }
}

#[test]
fn a_message_of_65536_fragments_may_end_by_an_empty_one() {
    let fragment = [7; 64];
    let mut server = server();
    server.feed(&masked(0x02, &fragment));
    for _ in 0..65_535 / 15 {
        server.feed(&masked(0x00, &fragment).repeat(15));
    }
    server.feed(&masked(0x80, b""));
    assert_eq!(server.messages, [vec![7; 4 << 20]]);

    // One more of them has bytes.
    let mut server = self::server();
    server.feed(&masked(0x02, b"a"));
    for _ in 0..65_535 / 15 {
        server.feed(&masked(0x00, b"a").repeat(15));
    }
    server.feed(&masked(0x80, b"a"));
    assert_eq!(server.messages, [vec![b'a'; 65_537]]);

    // At the limit as well, where any other would be one too many.
    let limited = WsListenConfig::default().with_max_fragments(2);
    let two = [masked(0x02, b"a"), masked(0x00, b"b")].concat();
    let mut server = Peer::open_server(&limited);
    server.feed(&[two.clone(), masked(0x80, b"")].concat());
    assert_eq!(server.messages, [b"ab"]);
    assert_eq!(refusal(&limited, &[two, masked(0x80, b"c")].concat()).1, Some(1008));
}

#[test]
fn a_close_is_answered_with_its_code() {
    let mut server = server();
    server.feed(&masked(0x88, b"\x0f\xa0bye"));
    let reason = CloseReason::PeerClosedWith { code: 4000, text: "bye".into() };
    assert_eq!(server.end, Some(reason));
    assert_eq!(server.out, raw(0x88, b"\x0f\xa0", false));
    assert_eq!(
        refusal(&WsListenConfig::default(), &masked(0x88, b"")),
        (CloseReason::PeerClosed, None)
    );
}

#[test]
fn each_end_of_ours_has_its_code() {
    for (reason, code) in [
        (CloseReason::Removed, 1000),
        (CloseReason::NodeStopped, 1001),
        (CloseReason::ProtocolViolation("x".into()), 1002),
        (CloseReason::OutboxLimit { queued: 1 }, 1008),
        (CloseReason::MessageTooLarge { size: 2, max: 1 }, 1009),
        (CloseReason::LingerTimeout, 1011),
    ] {
        let mut server = server();
        server.close(&reason);
        assert_eq!(close_code(&server.out), Some(code), "{reason:?}");
    }
    let mut server = server();
    server.close(&CloseReason::Reset);
    assert!(server.out.is_empty());
}

#[test]
fn the_end_of_the_stream_is_an_end_only_between_messages() {
    assert_eq!(server().feed_end(), CloseReason::AbnormalClosure);
    let mut cut = server();
    cut.feed(&masked(0x82, b"cut")[..7]);
    assert!(matches!(cut.feed_end(), CloseReason::ProtocolViolation(_)));
    let mut open = server();
    open.feed(&masked(0x02, b"open"));
    assert!(matches!(open.feed_end(), CloseReason::ProtocolViolation(_)));
    open.feed(&masked(0x80, b""));
    assert_eq!(open.feed_end(), CloseReason::AbnormalClosure);
}

#[test]
fn text_is_sent_as_text_where_asked_for() {
    let text = Peer::open_server(&WsListenConfig::default().with_text(true));
    assert_eq!(text.frame("ö".as_bytes())[0], 0x81);
    assert_eq!(text.frame(b"\xff")[0], 0x82);
    assert_eq!(server().frame(b"abc")[0], 0x82);
    let client = Peer::open_client(&WsConnectConfig::default().with_text(true));
    assert_eq!(client.frame(b"abc")[0], 0x81);
}

#[test]
fn a_frame_that_drips_is_looked_at_a_few_times_only() {
    let mut server = server();
    let before = server.decodes;
    for byte in masked(0x82, &[1; 100_000]) {
        server.feed(&[byte]);
    }
    assert_eq!(server.messages.len(), 1);
    assert!(server.decodes - before < 20, "{}", server.decodes);
}
