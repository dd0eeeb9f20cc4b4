//! What `decode` returns, over messages, handshakes and bytes of no meaning.

use std::time::{Duration, Instant};

use polywire_core::stream::{Encoder, Protocol};

use super::{Link, ProtocolSubject, Side, received, wire_len};
use crate::conformance::protocol::Rule;
use crate::random::Random;

/// Has a protocol do all that it can, and returns what it broke.
fn exercise<P: Protocol>(subject: &ProtocolSubject<P>) -> Vec<(Rule, String)> {
    let mut broken = Vec::new();
    for part in [usize::MAX, 1, 3] {
        let mut link = Link::silent(subject);
        link.carry(part);
        broken.extend(link.broken());
        if !broken.is_empty() {
            return broken; // There may be no way to get on.
        }
        let (_, _, mut link) = received(subject, |side, wire| {
            wire.chunks(part).for_each(|bytes| side.receive(bytes));
        });
        for side in [&mut link.client, &mut link.server] {
            side.say(|protocol, cx| protocol.heartbeat(cx));
        }
        link.carry(part);
        broken.extend(link.broken());
    }
    for seed in 0..20 {
        let mut link = Link::ready(subject);
        link.server.receive(&noise(seed));
        broken.extend(link.broken());
        let mut link = Link::silent(subject);
        link.server.receive(&noise(seed));
        broken.extend(link.broken());
    }
    broken
}

#[track_caller]
fn assert_kept<P: Protocol>(subject: &ProtocolSubject<P>, rule: Rule) {
    let broken = exercise(subject);
    let first = broken.iter().find(|(broken, _)| *broken == rule);
    assert!(first.is_none(), "{first:?}");
}

/// Bytes without a meaning, in which those are frequent that mean something to some protocol.
fn noise(seed: u64) -> Vec<u8> {
    const FREQUENT: [u8; 12] = [0, 1, 2, 5, 0x7F, 0x80, 0x81, 0x82, 0x88, 0xFF, b'\r', b'\n'];
    let mut random = Random::new(seed);
    let len = 1 + random.below(300);
    let byte = |_| match random.below(2) {
        0 => FREQUENT[random.below(FREQUENT.len())],
        _ => random.below(256) as u8,
    };
    (0..len).map(byte).collect()
}

/// `decode` consumes no more than there is.
pub fn decode_consumes_no_more_than_there_is<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::ConsumedIsThere);
}

/// `Incomplete` consumes nothing.
pub fn incomplete_consumes_nothing<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::IncompleteConsumesNothing);
}

/// `Skip` and `Answer` consume something, and kept messages come to an end: otherwise the loop would spin.
pub fn decode_gets_on<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::SomethingIsConsumed);
}

/// What `decode` leaves unconsumed is as it was.
pub fn decode_leaves_the_rest_alone<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::TheRestIsLeftAlone);
}

/// Calls append to `out`, and what was there stays.
pub fn out_only_grows<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::OutOnlyGrows);
}

/// `Ready` comes once, and only where `open` has said that it will.
pub fn a_protocol_is_ready_once<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::ReadyOnce);
}

/// No message comes before `Ready`.
pub fn no_message_comes_before_ready<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::NothingBeforeReady);
}

/// `half_received` is no more than was received.
pub fn no_more_is_kept_than_was_received<P: Protocol>(subject: &ProtocolSubject<P>) {
    assert_kept(subject, Rule::KeptIsReceived);
}

/// E5: messages are the same wherever their bytes are cut.
pub fn messages_are_the_same_at_every_cut<P: Protocol>(subject: &ProtocolSubject<P>) {
    for cut in 0..=wire_len(subject) {
        let (sent, got, _) = received(subject, |side, wire| {
            let (front, back) = wire.split_at(cut.min(wire.len()));
            side.receive(front);
            side.receive(back);
        });
        assert!(got == sent, "other messages where the bytes are cut after {cut}");
    }
}

/// E5: messages are the same one byte at a time.
pub fn messages_are_the_same_byte_by_byte<P: Protocol>(subject: &ProtocolSubject<P>) {
    let (sent, got, _) =
        received(subject, |side, wire| wire.chunks(1).for_each(|byte| side.receive(byte)));
    assert!(got == sent, "other messages byte by byte");
}

/// `needed` is no more than it takes: a message is found with its last byte, whether `decode` is called at each byte or
/// when there is what it needs.
pub fn no_more_is_needed_than_it_takes<P: Protocol>(subject: &ProtocolSubject<P>) {
    let found_at = |is_hasty| {
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut link = Link::ready(subject);
        link.server.is_hasty = is_hasty;
        for message in super::messages(&link.client.encoder, subject.packets) {
            for byte in link.client.frame(&message) {
                bytes += 1;
                link.server.receive(&[byte]);
                found.resize(link.server.messages.len(), bytes);
            }
        }
        found
    };
    assert_eq!(found_at(false), found_at(true), "bytes at which messages are found");
}

/// The handshake comes to the same end wherever it is cut.
pub fn the_handshake_is_the_same_in_parts_of_any_length<P: Protocol>(subject: &ProtocolSubject<P>) {
    for part in (1..20).chain([50, 100, usize::MAX]) {
        let mut link = Link::silent(subject);
        link.carry(part);
        link.assert_ready(&format!(" in parts of {part} bytes"));
    }
}

/// E10: bytes of no meaning end the connection or are messages, and the same ones however they are cut.
pub fn any_bytes_mean_the_same_however_they_are_cut<P: Protocol>(subject: &ProtocolSubject<P>) {
    for seed in 0..200 {
        let bytes = noise(seed);
        let outcome = |part: usize| {
            let mut link = Link::ready(subject);
            bytes.chunks(part).for_each(|bytes| link.server.receive(bytes));
            let messages = comparable_front(&link.server, subject.packets);
            // Texts of reasons may tell how far they came.
            (messages, link.server.end.as_ref().map(std::mem::discriminant))
        };
        assert_eq!(outcome(1), outcome(usize::MAX), "seed {seed}: {}", bytes.escape_ascii());
    }
}

fn comparable_front<P: Protocol>(side: &Side<P>, packets: bool) -> Vec<Vec<u8>> {
    super::comparable(&side.messages, packets)
}

/// E10: the time that a message takes grows as its bytes do, though they come one by one.
pub fn the_time_of_a_message_is_linear_in_its_bytes<P: Protocol>(subject: &ProtocolSubject<P>) {
    const NOISE: Duration = Duration::from_millis(40);
    let longest = Link::ready(subject).client.encoder.max_message_size().min(64 << 10);
    let time = |len: usize| {
        let mut link = Link::ready(subject);
        let frame = link.client.frame(&vec![7; len]);
        let start = Instant::now();
        for bytes in frame.chunks(16) {
            link.server.receive_unwatched(bytes);
        }
        start.elapsed()
    };
    let fastest = |len| (0..3).map(|_| time(len)).min().unwrap_or_default();
    let (short, long) = (fastest(longest / 8), fastest(longest));
    assert!(long < 24 * short + NOISE, "8 times the bytes took {long:?} instead of {short:?}");
}
