//! However the bytes of a stream are cut on their way, the same comes out.

use polywire_core::stream::{Context, Encoder, Item, Protocol};
use polywire_core::{CloseReason, Message};
use polywire_framed_tcp::Framed;
use polywire_framed_tcp::encoding::Decoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const MAX: usize = 600;

/// What became of a stream: its messages, and why it ended if it did, else the bytes left over.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: Vec<Vec<u8>>,
    end: Result<usize, CloseReason>,
}

/// Feeds `chunks` to the protocol, as the engine does: undecoded bytes are kept for the next.
fn receive<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut framed, mut out) = (Framed::new(MAX), Vec::new());
    assert!(framed.open(&mut Context::new(&mut out)));
    let (mut input, mut messages) = (Vec::new(), Vec::new());
    for chunk in chunks {
        input.extend_from_slice(chunk);
        while !input.is_empty() {
            let available = input.len();
            let decoded = match framed.decode(&mut input, &mut Context::new(&mut out)) {
                Ok(decoded) => decoded,
                Err(reason) => return Outcome { messages, end: Err(reason) },
            };
            match decoded.item {
                Item::Incomplete { needed } => {
                    assert_eq!(decoded.consumed, 0);
                    assert!(needed > available && needed <= MAX + 10);
                    break;
                }
                Item::Message(message) => messages.push(message.bytes.to_vec()),
                other => panic!("{other:?}"),
            }
            let consumed = decoded.consumed;
            assert!(consumed > 0 && consumed <= available);
            input.drain(..consumed);
        }
    }
    assert!(out.is_empty());
    Outcome { messages, end: Ok(input.len()) }
}

/// The same with the decoder for programs; its maximum is another one, so only the framing counts.
fn receive_by_hand<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, usize, bool) {
    let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
    for chunk in chunks {
        decoder.decode(chunk, |message| messages.push(message.to_vec()));
    }
    (messages, decoder.stored_size(), decoder.is_broken())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.push(bytes.len());
    places.sort_unstable();
    let mut start = 0;
    places
        .into_iter()
        .map(|end| {
            let piece = &bytes[start..end];
            start = end;
            piece
        })
        .collect()
}

fn wire(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = Vec::new();
    for message in messages {
        Framed::new(MAX).encode(Message::binary(message), &mut wire);
    }
    wire
}

/// Bytes in which lengths, continued lengths and ends of lengths are frequent.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), 0..8u8, Just(0x80), Just(0x81), Just(0xFF)];
    vec(byte, 0..200)
}

/// With those of the WebSocket, 100,000 in release.
const CASES: u32 = if cfg!(debug_assertions) { 500 } else { 20_000 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn messages_survive_any_cut(
        messages in vec(vec(any::<u8>(), 0..MAX), 0..8),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let wire = wire(&messages);
        let chunks = cut(&wire, &cuts);
        let by_hand = receive_by_hand(chunks.iter().copied());
        prop_assert_eq!(by_hand, (messages.clone(), 0, false));
        prop_assert_eq!(receive(chunks), Outcome { messages, end: Ok(0) });
    }

    #[test]
    fn garbage_means_the_same_however_it_is_cut(
        bytes in garbage(),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        prop_assert_eq!(receive(cut(&bytes, &cuts)), receive([&bytes[..]]));
        prop_assert_eq!(receive(bytes.chunks(1)), receive([&bytes[..]]));
        prop_assert_eq!(receive_by_hand(cut(&bytes, &cuts)), receive_by_hand([&bytes[..]]));
        prop_assert_eq!(receive_by_hand(bytes.chunks(1)), receive_by_hand([&bytes[..]]));
    }

    #[test]
    fn a_message_cut_short_is_no_message(
        message in vec(any::<u8>(), 1..MAX),
        end in any::<Index>(),
    ) {
        let wire = wire(&[message]);
        let cut = &wire[..end.index(wire.len())];
        prop_assert_eq!(receive([cut]), Outcome { messages: vec![], end: Ok(cut.len()) });
    }
}

#[test]
fn messages_survive_a_cut_at_every_byte() {
    let messages = [vec![], vec![1; 127], vec![2; 128], b"last".to_vec()];
    let wire = wire(&messages);
    for place in 0..=wire.len() {
        let (front, back) = wire.split_at(place);
        let whole = Outcome { messages: messages.to_vec(), end: Ok(0) };
        assert_eq!(receive([front, back]), whole);
        assert_eq!(receive_by_hand([front, back]), (messages.to_vec(), 0, false));
    }
    assert_eq!(receive(wire.chunks(1)).messages, messages);
}

#[test]
fn hostile_lengths_end_the_stream_as_soon_as_they_are_told() {
    const TEBIBYTE: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    const ALL_BITS: &[u8] = &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    const ONE_TOO_LONG: &[u8] = &[0xD9, 0x04]; // 601
    let too_large: [(&[u8], u64); 3] =
        [(TEBIBYTE, 1 << 40), (ALL_BITS, u64::MAX), (ONE_TOO_LONG, 601)];
    for (bytes, size) in too_large {
        let reason = CloseReason::MessageTooLarge { size, max: 600 };
        assert_eq!(receive(bytes.chunks(1)).end, Err(reason));
    }
    let mut zeroes = [0; 10];
    zeroes[0] = 0x80;
    for bytes in [&[0xFF; 11][..], &zeroes, &[0x80, 0x00], &[0xFF, 0x00]] {
        for chunks in [bytes.chunks(1), bytes.chunks(bytes.len())] {
            let end = receive(chunks).end;
            assert!(matches!(end, Err(CloseReason::ProtocolViolation(_))), "{end:?}");
        }
    }
}
