//! A WebSocket server, fed with any bytes in any pieces, from the request on or behind a good one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_core::stream::Protocol;
use polywire_fuzz::peer::{Peer, agree, ws_client, ws_server};
use polywire_fuzz::{is_masked, parts, pieces};
use polywire_ws::{WsConnectConfig, WsListenConfig};

fuzz_target!(|data: &[u8]| {
    let Some((choice, cuts, bytes)) = parts(data) else { return };
    let config = match choice & 2 {
        0 => WsListenConfig::default().with_subprotocol("chat.v2"),
        _ => WsListenConfig::default()
            .with_max_message_size(500)
            .with_max_frame_size(300)
            .with_max_fragments(4)
            .with_max_handshake_size(400),
    };
    let (mut whole, mut cut) = (ws_server(&config), ws_server(&config));
    if choice & 1 == 1 {
        open(&mut whole);
        open(&mut cut);
    }
    agree((&mut whole, &mut cut), bytes, pieces(bytes, &cuts));
    assert_eq!(whole.out, cut.out);
    if choice & 1 == 1 && is_masked(bytes) == Some(false) {
        assert!(whole.end.is_some() && whole.messages.is_empty(), "a client masks everything");
    }
    assert!(whole.messages.iter().all(|message| message.len() <= config.max_message_size));
    // An answer for each thing at most: the longest is a refusal, which comes once.
    assert!(whole.out.len() <= 1024 + 2 * bytes.len());
});

fn open(server: &mut Peer<impl Protocol>) {
    server.feed(&ws_client(&WsConnectConfig::default()).out);
    assert!(server.ready);
    server.out.clear();
}
