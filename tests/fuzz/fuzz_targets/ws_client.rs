//! A WebSocket client, fed with any bytes in any pieces: as the answer to its request, among the
//! headers of a good answer, or behind one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_fuzz::peer::{Peer, agree, ws_client, ws_server};
use polywire_fuzz::{is_masked, parts, pieces};
use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig, WsProtocol};

fuzz_target!(|data: &[u8]| {
    let Some((choice, cuts, bytes)) = parts(data) else { return };
    let config = match choice & 4 {
        0 => WsConnectConfig::default(),
        _ => WsConnectConfig::default()
            .with_max_message_size(500)
            .with_max_frame_size(300)
            .with_max_fragments(4)
            .with_max_handshake_size(400),
    };
    let config = match choice & 24 {
        0 => config.with_fragments(choice >> 5 & 1 == 1),
        8 => config.with_deflate(Deflate::default()),
        _ => config.with_deflate(Deflate::dedicated(9 + (choice >> 5) % 7)),
    };
    let (mut whole, mut cut) = (ws_client(&config), ws_client(&config));
    whole.inflates = config.deflate.is_some();
    cut.inflates = whole.inflates;
    (whole.in_pieces, cut.in_pieces) = (config.fragments, config.fragments);
    match choice & 3 {
        0 => agree((&mut whole, &mut cut), bytes, pieces(bytes, &cuts)),
        1 => {
            // Each client has a key of its own, and so an answer.
            whole.feed(&answer(&whole, bytes));
            let answer = answer(&cut, bytes);
            pieces(&answer, &cuts).for_each(|piece| cut.feed(piece));
            agree((&mut whole, &mut cut), &[], std::iter::empty());
        }
        _ => {
            for client in [&mut whole, &mut cut] {
                client.feed(&answer(client, &[]));
                assert!(client.ready);
                client.out.clear();
            }
            agree((&mut whole, &mut cut), bytes, pieces(bytes, &cuts));
            if is_masked(bytes) == Some(true) {
                assert!(whole.end.is_some() && whole.messages.is_empty(), "a server masks nothing");
            }
        }
    }
    assert!(whole.messages.iter().all(|message| message.len() <= config.max_message_size));
    assert!(whole.out.len() <= 1024 + 4 * bytes.len());
});

/// What a server answers this client, with `inserted` behind the first line.
fn answer(client: &Peer<WsProtocol>, inserted: &[u8]) -> Vec<u8> {
    let config = WsListenConfig::default().with_deflate(Deflate::dedicated(15));
    let mut server = ws_server(&config);
    server.feed(&client.out);
    let line = server.out.windows(2).position(|end| end == b"\r\n").expect("a first line") + 2;
    [&server.out[..line], inserted, &server.out[line..]].concat()
}
