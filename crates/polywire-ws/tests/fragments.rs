//! Messages in pieces, both ways.

mod common;

use common::{Peer, close_code, masked, raw};
use polywire_core::network::SendStatus;
use polywire_core::stream::Encoder;
use polywire_core::{CloseReason, Message, MessageKind};
use polywire_ws::{
    BINARY_START, CONTINUATION, CONTINUATION_END, TEXT_START, WsConnectConfig, WsListenConfig,
};

const TEXT: MessageKind = MessageKind::TEXT;
const BINARY: MessageKind = MessageKind::BINARY;

fn config() -> WsListenConfig {
    WsListenConfig::default().with_fragments(true)
}

fn server() -> Peer {
    Peer::open_server(&config())
}

fn client() -> Peer {
    Peer::open_client(&WsConnectConfig::default().with_fragments(true))
}

/// What came, piece by piece.
fn pieces(peer: &Peer) -> Vec<(MessageKind, &[u8])> {
    peer.kinds.iter().copied().zip(peer.messages.iter().map(Vec::as_slice)).collect()
}

#[test]
fn each_fragment_is_delivered_as_it_comes_with_control_frames_between() {
    let mut server = server();
    server.feed(&masked(0x01, b"fr"));
    assert_eq!(pieces(&server), [(TEXT_START, &b"fr"[..])]);
    server.feed(&masked(0x89, b"ping"));
    server.feed(&masked(0x00, b""));
    server.feed(&masked(0x8a, b"unasked"));
    server.feed(&masked(0x80, b"agments"));
    server.feed(&masked(0x82, b"whole"));
    server.feed(&masked(0x81, b"whole, too"));
    server.feed(&masked(0x02, b""));
    server.feed(&masked(0x80, b""));
    let expected: [(_, &[u8]); 7] = [
        (TEXT_START, b"fr"),
        (CONTINUATION, b""),
        (CONTINUATION_END, b"agments"),
        (BINARY, b"whole"),
        (TEXT, b"whole, too"),
        (BINARY_START, b""),
        (CONTINUATION_END, b""),
    ];
    assert_eq!(pieces(&server), expected);
    assert_eq!(server.out, raw(0x8a, b"ping", false));
    assert_eq!(server.end, None);
}

#[test]
fn a_long_frame_is_handed_out_as_it_is_read_and_unmasked() {
    let message: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let frame = masked(0x82, &message);
    for cuts in [&[70_000][..], &[1, 13, 1, 65_536], &[9, 7, 11, 50_001, 3]] {
        let mut server = server();
        server.feed_cut(&frame, cuts);
        assert!(server.messages.concat() == message, "{cuts:?}");
        let (first, rest) = server.kinds.split_first().unwrap();
        let (last, middle) = rest.split_last().unwrap();
        assert_eq!((*first, *last), (BINARY_START, CONTINUATION_END));
        assert!(middle.iter().all(|kind| *kind == CONTINUATION));
    }
    // All of it at once is whole.
    let mut server = server();
    server.feed(&frame);
    assert_eq!(server.kinds, [BINARY]);
    // A frame of 64 KiB is waited for.
    let mut server = self::server();
    server.feed_cut(&masked(0x82, &message[..65_536]), &[1000]);
    assert_eq!(server.kinds, [BINARY]);
}

#[test]
fn the_size_of_a_message_is_not_limited_and_a_piece_is() {
    let config = config().with_max_message_size(100).with_max_frame_size(50).with_max_fragments(3);
    let mut server = Peer::open_server(&config);
    server.feed(&masked(0x02, &[1; 1000]));
    for _ in 0..1000 {
        server.feed(&masked(0x00, &[2; 100]));
    }
    server.feed(&masked(0x80, &[3; 1000]));
    assert_eq!(server.end, None);
    assert!(server.messages.iter().all(|piece| piece.len() <= 100));
    assert_eq!(server.messages.concat().len(), 102_000);
    assert_eq!(server.kinds.last(), Some(&CONTINUATION_END));
    assert_eq!(server.kinds.iter().filter(|kind| **kind != CONTINUATION).count(), 2);
    assert_eq!(server.frame_as(BINARY_START, &[0; 101]), Err(SendStatus::MaxPacketSizeExceeded));
}

#[test]
fn a_length_that_no_memory_has_is_only_a_length() {
    let mut server = server();
    server.feed(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    server.feed(&[7; 1000]);
    assert_eq!(pieces(&server), [(BINARY_START, &[7; 1000][..])]);
    assert_eq!(server.half_received(), Some(0));
}

#[test]
fn a_text_is_checked_over_its_pieces_which_may_cut_characters() {
    let text = "κόσμε 🦀".as_bytes();
    for cut in 0..=text.len() {
        let mut server = server();
        server.feed(&masked(0x01, &text[..cut]));
        server.feed(&masked(0x80, &text[cut..]));
        assert_eq!((server.messages.concat().as_slice(), &server.end), (text, &None), "{cut}");
    }
    let cut_long = [&[b'a'; 70_000][..], "ö".as_bytes(), &[b'a'; 70_000]].concat();
    let mut server = server();
    server.feed_cut(&masked(0x81, &cut_long), &[14 + 70_001]);
    assert_eq!((server.kinds.len(), server.end), (2, None));
    for wrong in [
        [masked(0x01, b"a"), masked(0x80, &text[..1])].concat(),
        [masked(0x01, &text[..1]), masked(0x00, b"a")].concat(),
        masked(0x01, b"\xff"),
        masked(0x81, b"\xff"),
        masked(0x81, &[vec![b'a'; 70_000], vec![0xc0]].concat()),
    ] {
        let mut server = self::server();
        server.feed_cut(&wrong, &[60_000]);
        assert!(matches!(server.end, Some(CloseReason::ProtocolViolation(_))));
        assert_eq!(close_code(&server.out), Some(1007));
    }
}

#[test]
fn what_the_rfc_forbids_is_refused_inside_a_streamed_message_as_well() {
    let open = masked(0x02, b"open");
    for (what, frame) in [
        ("a new message", masked(0x82, b"x")),
        ("a new fragmented message", masked(0x01, b"x")),
        ("an unmasked frame", raw(0x80, b"x", false)),
        ("a reserved bit", masked(0xc0, b"x")),
        ("a fragmented ping", masked(0x09, b"")),
        ("a reserved opcode", masked(0x83, b"")),
    ] {
        let mut server = server();
        server.feed(&[open.clone(), frame].concat());
        assert_eq!(close_code(&server.out), Some(1002), "{what}");
        assert_eq!(server.messages, [b"open"], "{what}");
    }
    for first in [0x00, 0x80] {
        let mut server = server();
        server.feed(&masked(first, b"of nothing"));
        assert_eq!(close_code(&server.out), Some(1002));
    }
    // A Close may come between fragments.
    let mut server = server();
    server.feed(&[open, masked(0x88, b"\x03\xe8")].concat());
    let text = String::new();
    assert_eq!(server.end, Some(CloseReason::PeerClosedWith { code: 1000, text }));
}

#[test]
fn the_stream_ends_inside_a_message_until_its_last_piece_has_come() {
    let mut server = server();
    assert_eq!(server.feed_end(), CloseReason::AbnormalClosure);
    server.feed(&masked(0x02, b"open"));
    assert!(matches!(server.feed_end(), CloseReason::ProtocolViolation(_)));
    assert_eq!(server.half_received(), None, "between fragments a peer may take its time");
    server.feed(&masked(0x80, &[1; 100_000])[..50_000]);
    assert!(matches!(server.feed_end(), CloseReason::ProtocolViolation(_)));
    assert_eq!(server.half_received(), Some(0), "inside a frame it may not");
    server.feed(&masked(0x80, &[1; 100_000])[50_000..]);
    assert_eq!((server.feed_end(), server.half_received()), (CloseReason::AbnormalClosure, None));
}

#[test]
fn pieces_are_sent_as_the_frames_that_they_are() {
    let server = server();
    for (kind, first) in
        [(TEXT_START, 0x01), (CONTINUATION, 0x00), (CONTINUATION_END, 0x80), (TEXT, 0x81)]
    {
        let frame = server.frame_as(kind, b"abc").unwrap();
        assert_eq!(frame, raw(first, b"abc", false), "{kind:?}");
    }
    let long = server.frame_as(BINARY_START, &[1; 70_000]).unwrap();
    assert_eq!(long, raw(0x02, &[1; 70_000], false));
    // And understood, masked as well.
    let (client, mut server) = (client(), self::server());
    for (kind, piece) in
        [(BINARY_START, &b"a"[..]), (CONTINUATION, b""), (CONTINUATION_END, b"b"), (BINARY, b"c")]
    {
        server.feed(&client.frame_as(kind, piece).unwrap());
    }
    assert_eq!(server.kinds, [BINARY_START, CONTINUATION, CONTINUATION_END, BINARY]);
    assert_eq!(server.messages.concat(), b"abc");
}

#[test]
fn what_is_out_of_order_is_not_sent() {
    let refused = Err(SendStatus::InvalidMessage);
    for peer in [server(), client()] {
        assert_eq!(peer.frame_as(CONTINUATION, b"x"), refused);
        assert_eq!(peer.frame_as(CONTINUATION_END, b"x"), refused);
        assert!(peer.frame_as(TEXT_START, b"x").is_ok());
        for kind in [TEXT_START, BINARY_START, TEXT, BINARY, MessageKind::UNSPECIFIED] {
            assert_eq!(peer.frame_as(kind, b""), refused, "{kind:?} inside a message");
        }
        assert!(peer.frame_as(CONTINUATION, b"x").is_ok());
        assert!(peer.frame_as(CONTINUATION_END, b"x").is_ok());
        assert_eq!(peer.frame_as(CONTINUATION_END, b"x"), refused);
        assert!(peer.frame_as(BINARY, b"x").is_ok());
    }
}

#[test]
fn a_text_sent_in_pieces_is_utf_8_in_all() {
    let (refused, crab) = (Err(SendStatus::InvalidMessage), "🦀".as_bytes());
    let server = server();
    assert_eq!(server.frame_as(TEXT, b"\xff"), refused);
    assert_eq!(server.frame_as(TEXT_START, b"\xff"), refused);
    assert!(server.frame_as(TEXT_START, &crab[..1]).is_ok());
    assert_eq!(server.frame_as(CONTINUATION, b"x"), refused);
    assert!(server.frame_as(CONTINUATION, &crab[1..3]).is_ok());
    assert_eq!(server.frame_as(CONTINUATION_END, b""), refused);
    assert!(server.frame_as(CONTINUATION_END, &crab[3..]).is_ok());
    assert!(server.frame_as(BINARY_START, b"\xff").is_ok(), "bytes are any");
    assert!(server.frame_as(CONTINUATION_END, b"\xff").is_ok());
}

/// There may be no room for it; and a server's frame is put together twice where its memory may be shared.
#[test]
fn a_piece_counts_once_it_is_sent_and_once() {
    let server = server();
    let start = Message::new(b"start", BINARY_START);
    assert_eq!(server.encoder.refuse(start), None);
    assert_eq!(server.encoder.refuse(start), None, "it was not sent");
    let another = Message::new(b"of another thread", BINARY);
    assert_eq!(server.encoder.refuse(another), None, "nothing is open yet");
    for _ in 0..2 {
        server.encoder.encode(start, &mut Vec::new());
    }
    assert_eq!(server.encoder.refuse(start), Some(SendStatus::InvalidMessage));
    assert!(server.frame_as(CONTINUATION_END, b"").is_ok());
    assert_eq!(server.encoder.framing(), None, "each connection counts for itself");
}

#[test]
fn the_kind_of_an_answer_does_not_depend_on_how_a_message_is_cut() {
    let long = vec![b'a'; 70_000];
    for text in [false, true] {
        for (opcode, first) in [(0x81, 0x81), (0x82, 0x82)] {
            for cut in [20, 65_000, 70_014] {
                let mut server = Peer::open_server(&config().with_text(text));
                server.feed_cut(&masked(opcode, &long), &[cut]);
                assert_eq!(server.frame(b"answer")[0], first, "{text} {cut}");
                assert_eq!(server.frame(b"\xff")[0], 0x82, "what is no text");
            }
            let mut server = Peer::open_server(&config().with_text(text));
            assert_eq!(server.frame(b"first")[0], if text { 0x81 } else { 0x82 });
            server.feed(&masked(opcode & 0x7f, b"a"));
            assert_eq!(server.frame(b"answer")[0], first, "inside a message");
            server.feed(&masked(0x80, b"a"));
            assert_eq!(server.frame(b"answer")[0], first);
        }
    }
}

#[test]
fn without_fragments_no_pieces_are_sent_and_messages_come_whole() {
    let (mut server, client) = (
        Peer::open_server(&WsListenConfig::default()),
        Peer::open_client(&WsConnectConfig::default()),
    );
    for kind in [TEXT_START, BINARY_START, CONTINUATION, CONTINUATION_END] {
        assert_eq!(server.frame_as(kind, b"x"), Err(SendStatus::InvalidMessage));
        assert_eq!(client.frame_as(kind, b"x"), Err(SendStatus::InvalidMessage));
    }
    server.feed(&[masked(0x01, b"in "), masked(0x80, b"one")].concat());
    assert_eq!(pieces(&server), [(TEXT, &b"in one"[..])]);
}
