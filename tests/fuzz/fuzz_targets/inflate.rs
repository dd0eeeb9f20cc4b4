//! One compressed message of any bytes, in one frame or in several, behind a message that it may refer to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_core::stream::{Encoder, Protocol};
use polywire_core::{CloseReason, Message};
use polywire_fuzz::parts;
use polywire_fuzz::peer::{Peer, ws_client, ws_server};
use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig};

/// Above what is counted first rather than inflated at once.
const MAX: usize = (1 << 20) + 1000;

fuzz_target!(|data: &[u8]| {
    let Some((choice, cuts, payload)) = parts(data) else { return };
    let deflate = match choice & 1 {
        0 => Deflate::default(),
        _ => Deflate::dedicated(9 + (choice >> 1) % 7),
    };
    let mut whole = open(deflate);
    let mut cut = open(deflate);
    whole.feed(&frame(0xc2, payload));
    let mut pieces = polywire_fuzz::pieces(payload, &cuts).peekable();
    let mut first = 0x42;
    while let Some(piece) = pieces.next() {
        cut.feed(&frame(if pieces.peek().is_none() { first | 0x80 } else { first }, piece));
        first = 0;
    }
    if payload.is_empty() {
        cut.feed(&frame(0xc2, b""));
    }
    assert_eq!(whole.messages, cut.messages);
    assert_eq!(whole.end, cut.end);
    assert!(whole.messages.iter().all(|message| message.len() <= MAX));
    assert!(whole.end.is_some() || whole.messages.len() == 2);
    assert!(matches!(
        whole.end,
        None | Some(CloseReason::ProtocolViolation(_) | CloseReason::MessageTooLarge { .. })
    ));
});

/// A server that has had a message.
fn open(deflate: Deflate) -> Peer<impl Protocol> {
    let listen = WsListenConfig::default().with_max_message_size(MAX).with_deflate(deflate);
    let connect = WsConnectConfig::default().with_deflate(deflate.with_threshold(0));
    let (mut server, mut client) = (ws_server(&listen), ws_client(&connect));
    server.feed(&client.out);
    client.feed(&server.out);
    assert!(server.ready && client.ready);
    let mut frame = Vec::new();
    client.encoder.encode(Message::binary(&b"what may be referred to ".repeat(9)), &mut frame);
    server.feed(&frame);
    assert_eq!(server.messages.len(), 1);
    server.inflates = true;
    server
}

/// A frame of a client, masked with a key of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0xfe];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    if payload.len() < 126 {
        frame = vec![first, 0x80 | payload.len() as u8];
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
