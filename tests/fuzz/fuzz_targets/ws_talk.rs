//! A WebSocket client and a server that talk: what one sends in pieces, compressed or as it is, reaches the other,
//! however the stream is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_core::stream::{Encoder, Protocol};
use polywire_core::{Message, MessageKind};
use polywire_fuzz::peer::{Joined, Peer, joined, ws_client, ws_server};
use polywire_fuzz::{parts, pieces};
use polywire_ws::{
    BINARY_START, CONTINUATION, CONTINUATION_END, Deflate, TEXT_START, UNCOMPRESSED_BINARY,
    UNCOMPRESSED_TEXT, WsConnectConfig, WsListenConfig,
};

const KINDS: [MessageKind; 8] = [
    MessageKind::BINARY,
    MessageKind::TEXT,
    TEXT_START,
    BINARY_START,
    CONTINUATION,
    CONTINUATION_END,
    UNCOMPRESSED_TEXT,
    UNCOMPRESSED_BINARY,
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, cuts, mut script)) = parts(data) else { return };
    let deflate = |mode| match mode {
        0 => Deflate::default(),
        _ => Deflate::dedicated(9 + (choice >> 4 & 7) % 7),
    };
    let deflate = |mode| deflate(mode).with_threshold(usize::from(choice >> 7) * 64);
    let listen = match choice & 3 {
        0 => WsListenConfig::default(),
        1 => WsListenConfig::default().with_fragments(true),
        mode => WsListenConfig::default().with_deflate(deflate(mode - 2)),
    };
    let connect = match choice >> 2 & 3 {
        0 => WsConnectConfig::default(),
        1 => WsConnectConfig::default().with_fragments(true),
        mode => WsConnectConfig::default().with_deflate(deflate(mode - 2)),
    };
    let (mut server, mut client) = (ws_server(&listen), ws_client(&connect));
    server.feed(&client.out);
    client.feed(&server.out);
    assert!(server.ready && client.ready);
    let (mut to_server, mut to_client) = (Joined::default(), Joined::default());
    while let [order, len, rest @ ..] = script {
        let (bytes, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        // Compressed, some are longer than a history.
        let bytes = bytes.repeat(1 + usize::from(order >> 4) * 8);
        let message = Message::new(&bytes, KINDS[usize::from(order >> 1 & 7)]);
        match order & 1 {
            0 => say(&client, message, (&mut to_server, &mut server), &cuts),
            _ => say(&server, message, (&mut to_client, &mut client), &cuts),
        }
        script = rest;
    }
    // Who takes messages whole has not seen the one that is open.
    to_server.0.retain(|(.., is_whole)| listen.fragments || *is_whole);
    to_client.0.retain(|(.., is_whole)| connect.fragments || *is_whole);
    assert_eq!(joined(&server), to_server);
    assert_eq!(joined(&client), to_client);
    assert!(server.end.is_none() && client.end.is_none(), "{:?} {:?}", server.end, client.end);
});

/// Sends what may be sent now, and notes it as what is to arrive.
fn say<P: Protocol>(
    from: &Peer<P>,
    message: Message<'_>,
    (sent, to): (&mut Joined, &mut Peer<P>),
    cuts: &[u8],
) {
    if from.encoder.refuse(message).is_some() {
        return;
    }
    let mut frame = Vec::new();
    from.encoder.encode(message, &mut frame);
    let kind = match message.kind {
        UNCOMPRESSED_TEXT => MessageKind::TEXT,
        UNCOMPRESSED_BINARY => MessageKind::BINARY,
        kind => kind,
    };
    sent.push(kind, message.bytes);
    pieces(&frame, cuts).for_each(|piece| to.feed(piece));
}
