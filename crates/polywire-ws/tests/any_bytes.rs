//! Properties that hold for all messages, all ways to cut them, and all bytes.

mod common;

use common::{Peer, REQUEST, raw};
use polywire_ws::{WsConnectConfig, WsListenConfig};
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

/// With those of framed TCP, 100,000 in release.
const CASES: u32 = if cfg!(debug_assertions) { 2000 } else { 10_000 };

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
    fn any_request_has_one_meaning_however_it_is_cut(
        at in 0..REQUEST.len(),
        byte in any::<u8>(),
        cuts in cuts(),
    ) {
        let mut request = REQUEST.to_vec();
        request[at] = byte;
        let config = WsListenConfig::default();
        let (mut whole, mut cut) = (Peer::server(&config), Peer::server(&config));
        whole.feed(&request);
        cut.feed_cut(&request, &cuts);
        prop_assert_eq!(whole.ready, cut.ready);
        prop_assert_eq!(&whole.end, &cut.end);
        prop_assert_eq!(&whole.out, &cut.out);
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
