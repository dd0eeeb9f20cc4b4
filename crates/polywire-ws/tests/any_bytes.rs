//! Properties that hold for all messages, all ways to cut them, and all bytes.

mod common;

use common::{Peer, REQUEST, raw, undated};
use polywire_core::MessageKind;
use polywire_ws::{
    BINARY_START, CONTINUATION, CONTINUATION_END, Response, TEXT_START, WsConnectConfig,
    WsListenConfig, WsRequest,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A message as a peer sends it: text or not, in fragments, with pings between them.
fn frames(text: bool, fragments: &[Vec<u8>], ping: bool, masked: bool) -> Vec<u8> {
    let opcode = if text { 1 } else { 2 };
    let last = fragments.len().saturating_sub(1);
    let mut bytes = Vec::new();
    for (at, fragment) in fragments.iter().enumerate() {
        let fin = if at == last { 0x80 } else { 0 };
        bytes.extend(raw(fin | if at == 0 { opcode } else { 0 }, fragment, masked));
        if ping {
            bytes.extend(raw(0x89, b"between", masked));
        }
    }
    bytes
}

fn fragments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..300), 1..5)
}

fn ascii_fragments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(0..128_u8, 0..300), 1..5)
}

fn message() -> impl Strategy<Value = (bool, Vec<Vec<u8>>, bool)> {
    prop_oneof![
        (Just(false), fragments(), any::<bool>()),
        (Just(true), ascii_fragments(), any::<bool>()),
    ]
}

/// Bytes that are nearly frames.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let first =
        prop_oneof![Just(0x82_u8), Just(0x02), Just(0x80), Just(0x00), Just(0x01), any::<u8>()];
    let frame = (first, vec(any::<u8>(), 0..200), proptest::bool::weighted(0.9))
        .prop_map(|(first, payload, masked)| raw(first, &payload, masked));
    let frames = vec(frame, 0..10).prop_map(|frames| frames.concat());
    (frames, vec(any::<u8>(), 0..30)).prop_map(|(frames, rest)| [frames, rest].concat())
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(1..60_usize, 1..20)
}

/// Whether it is text, and what it says.
type Whole = (bool, Vec<u8>);

/// The messages that the pieces make which came, and what is open.
fn put_together(peer: &Peer) -> (Vec<Whole>, Option<Whole>) {
    let (mut messages, mut open) = (Vec::new(), None::<Whole>);
    for (&kind, piece) in peer.kinds.iter().zip(&peer.messages) {
        let is_text = kind == MessageKind::TEXT || kind == TEXT_START;
        match (kind, &mut open) {
            (MessageKind::TEXT | MessageKind::BINARY, None) => {
                messages.push((is_text, piece.clone()));
            }
            (TEXT_START | BINARY_START, None) => open = Some((is_text, piece.clone())),
            (CONTINUATION, Some((_, bytes))) => bytes.extend(piece),
            (CONTINUATION_END, Some((_, bytes))) => {
                bytes.extend(piece);
                messages.extend(open.take());
            }
            other => panic!("{other:?} is out of order"),
        }
    }
    (messages, open)
}

/// With those of framed TCP, 100,000 in release.
const CASES: u32 = if cfg!(debug_assertions) { 500 } else { 10_000 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn messages_arrive_whole_and_in_order_however_they_are_cut(
        messages in vec(message(), 0..5),
        cuts in cuts(),
    ) {
        let expected: Vec<Vec<u8>> = messages.iter().map(|message| message.1.concat()).collect();
        for masked in [true, false] {
            let mut peer = match masked {
                true => Peer::open_server(&WsListenConfig::default()),
                false => Peer::open_client(&WsConnectConfig::default()),
            };
            let stream: Vec<u8> = messages
                .iter()
                .flat_map(|(text, fragments, ping)| frames(*text, fragments, *ping, masked))
                .collect();
            peer.feed_cut(&stream, &cuts);
            prop_assert_eq!(&peer.end, &None);
            prop_assert_eq!(&peer.messages, &expected);
        }
    }

    #[test]
    fn any_bytes_have_one_meaning_however_they_are_cut(bytes in noise(), cuts in cuts()) {
        let config = WsListenConfig::default().with_max_message_size(500).with_max_fragments(4);
        let (mut whole, mut cut) = (Peer::open_server(&config), Peer::open_server(&config));
        whole.feed(&bytes);
        cut.feed_cut(&bytes, &cuts);
        prop_assert_eq!(&whole.messages, &cut.messages);
        prop_assert_eq!(&whole.end, &cut.end);
        prop_assert_eq!(&whole.out, &cut.out);
        prop_assert_eq!(whole.feed_end(), cut.feed_end());
    }

    #[test]
    fn messages_in_pieces_are_the_same_however_they_are_cut(
        messages in vec(message(), 0..5),
        cuts in cuts(),
        max in 1..400_usize,
    ) {
        for masked in [true, false] {
            let mut peer = match masked {
                true => {
                    let config = WsListenConfig::default().with_fragments(true);
                    Peer::open_server(&config.with_max_message_size(max))
                }
                false => {
                    let config = WsConnectConfig::default().with_fragments(true);
                    Peer::open_client(&config.with_max_message_size(max))
                }
            };
            let stream: Vec<u8> = messages
                .iter()
                .flat_map(|(text, fragments, ping)| frames(*text, fragments, *ping, masked))
                .collect();
            peer.feed_cut(&stream, &cuts);
            prop_assert_eq!(&peer.end, &None);
            let expected: Vec<_> =
                messages.iter().map(|(text, fragments, _)| (*text, fragments.concat())).collect();
            prop_assert_eq!(put_together(&peer), (expected, None));
        }
    }

    #[test]
    fn any_bytes_have_one_meaning_in_pieces_as_well(bytes in noise(), cuts in cuts()) {
        let config = WsListenConfig::default().with_fragments(true).with_max_message_size(100);
        let (mut whole, mut cut) = (Peer::open_server(&config), Peer::open_server(&config));
        whole.feed(&bytes);
        cut.feed_cut(&bytes, &cuts);
        prop_assert_eq!(&whole.end, &cut.end);
        prop_assert_eq!(&whole.out, &cut.out);
        prop_assert!(cut.messages.iter().all(|piece| piece.len() <= 100));
        let (messages, open) = put_together(&whole);
        let (cut_messages, cut_open) = put_together(&cut);
        prop_assert_eq!(messages, cut_messages);
        // How much of a text is seen before the end is found in it depends on the cuts.
        if whole.end.is_none() {
            prop_assert_eq!(open, cut_open);
            prop_assert_eq!(whole.feed_end(), cut.feed_end());
        }
    }

    #[test]
    fn any_request_has_one_meaning_however_it_is_cut(
        at in 0..REQUEST.len(),
        byte in any::<u8>(),
        cuts in cuts(),
    ) {
        let mut request = REQUEST.to_vec();
        request[at] = byte;
        let page = |_: &WsRequest| Response::text(200, "page");
        for config in [WsListenConfig::default(), WsListenConfig::default().with_on_request(page)] {
            let (mut whole, mut cut) = (Peer::server(&config), Peer::server(&config));
            whole.feed(&request);
            cut.feed_cut(&request, &cuts);
            prop_assert_eq!(whole.ready, cut.ready);
            prop_assert_eq!(&whole.end, &cut.end);
            prop_assert_eq!(undated(&whole.out), undated(&cut.out));
        }
    }

    #[test]
    fn no_answer_makes_the_client_fall_over(answer in vec(any::<u8>(), 0..200), cuts in cuts()) {
        let answer = [b"HTTP/1.1 101 ", &answer[..]].concat();
        let config = WsConnectConfig::default();
        let mut client = Peer::client("ws://example.org/", &config);
        client.feed_cut(&answer, &cuts);
        prop_assert!(!client.ready);
    }
}
