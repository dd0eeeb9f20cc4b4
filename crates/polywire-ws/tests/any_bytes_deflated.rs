//! Properties that hold for all compressed messages, all ways to cut them, and all bytes.
#![cfg(feature = "deflate")]

mod common;

use common::deflate::{deflated, pair};
use common::{Peer, raw};
use polywire_core::MessageKind;
use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// With those of framed TCP and the others of WebSocket, 150,000 in release.
const CASES: u32 = if cfg!(debug_assertions) { 500 } else { 10_000 };

/// Something that can be compressed, as a rule.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        vec(any::<u8>(), 0..100),
        (any::<u8>(), 0..2000_usize).prop_map(|(byte, len)| vec![byte; len]),
        (vec(any::<u8>(), 1..20), 0..200_usize).prop_map(|(part, times)| part.repeat(times)),
    ];
    vec(part, 0..4).prop_map(|parts| parts.concat())
}

fn deflate() -> impl Strategy<Value = Deflate> {
    (9..=15_u8, 9..=15_u8, any::<bool>(), any::<bool>(), 1..=9_u8, 0..300_usize).prop_map(
        |(sent, received, keep_sent, keep_received, level, threshold)| {
            Deflate::default()
                .with_send_window_bits(sent)
                .with_receive_window_bits(received)
                .with_send_context_takeover(keep_sent)
                .with_receive_context_takeover(keep_received)
                .with_level(level)
                .with_threshold(threshold)
        },
    )
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(1..60_usize, 1..20)
}

/// The frames of a message, cut where `at` says, with pings between them.
fn frames(payload: &[u8], at: &[Index], ping: bool) -> Vec<u8> {
    let mut ends: Vec<usize> = at.iter().map(|at| at.index(payload.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(payload.len());
    let (mut bytes, mut start, last) = (Vec::new(), 0, ends.len() - 1);
    for (number, end) in ends.into_iter().enumerate() {
        let first = if number == 0 { 0x42 } else { 0 } | if number == last { 0x80 } else { 0 };
        bytes.extend(raw(first, &payload[start..end], true));
        if ping {
            bytes.extend(raw(0x89, b"between", true));
        }
        start = end;
    }
    bytes
}

/// Bytes that are nearly compressed messages: DEFLATE with a byte changed, or none at all.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let broken = (message(), any::<Index>(), any::<u8>()).prop_map(|(message, at, byte)| {
        let mut payload = deflated([&message[..]]);
        let at = at.index(payload.len());
        payload[at] ^= byte;
        payload
    });
    let payload =
        prop_oneof![broken, vec(any::<u8>(), 0..50), message().prop_map(|it| deflated([&it[..]]))];
    let first = prop_oneof![
        Just(0xc1_u8),
        Just(0xc2),
        Just(0x42),
        Just(0x41),
        Just(0x80),
        Just(0x00),
        Just(0x82)
    ];
    let frame = (first, payload).prop_map(|(first, payload)| raw(first, &payload, true));
    vec(frame, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn two_ends_understand_each_other_whatever_they_are_configured_for(
        configs in (deflate(), deflate()),
        messages in vec(message(), 0..6),
        cuts in cuts(),
    ) {
        let (mut client, mut server) = pair(configs.0, configs.1);
        let to_server: Vec<u8> = messages.iter().flat_map(|it| client.frame(it)).collect();
        let to_client: Vec<u8> = messages.iter().flat_map(|it| server.frame(it)).collect();
        server.feed_cut(&to_server, &cuts);
        client.feed_cut(&to_client, &cuts);
        prop_assert_eq!((&server.end, &client.end), (&None, &None));
        prop_assert!(server.messages == messages && client.messages == messages);
    }

    #[test]
    fn a_compressed_message_arrives_whole_however_it_is_cut(
        messages in vec((message(), vec(any::<Index>(), 0..5), any::<bool>()), 0..4),
        cuts in cuts(),
        takeover in any::<bool>(),
    ) {
        let config = if takeover { Deflate::dedicated(15) } else { Deflate::default() };
        let (_, mut server) = pair(config, config);
        let stream: Vec<u8> = messages
            .iter()
            .flat_map(|(message, at, ping)| frames(&deflated([&message[..]]), at, *ping))
            .collect();
        server.feed_cut(&stream, &cuts);
        prop_assert_eq!(&server.end, &None);
        prop_assert!(server.messages.iter().eq(messages.iter().map(|it| &it.0)));
        prop_assert!(server.kinds.iter().all(|kind| *kind == MessageKind::BINARY));
        prop_assert_eq!(server.half_received(), None);
    }

    #[test]
    fn any_compressed_bytes_have_one_meaning_however_they_are_cut(
        bytes in noise(),
        cuts in cuts(),
        takeover in any::<bool>(),
    ) {
        let deflate = if takeover { Deflate::dedicated(15) } else { Deflate::default() };
        let listen = WsListenConfig::default()
            .with_max_message_size(1000)
            .with_max_fragments(4)
            .with_deflate(deflate);
        let connect = WsConnectConfig::default().with_deflate(deflate);
        let [mut whole, mut cut] = [(); 2].map(|()| Peer::pair(&connect, &listen).1);
        whole.feed(&bytes);
        cut.feed_cut(&bytes, &cuts);
        prop_assert!(whole.messages == cut.messages);
        prop_assert!(whole.messages.iter().all(|message| message.len() <= 1000));
        prop_assert_eq!(&whole.end, &cut.end);
        prop_assert_eq!(&whole.out, &cut.out);
        prop_assert_eq!(whole.feed_end(), cut.feed_end());
    }
}
