//! A WebSocket server, fed with any bytes in any pieces, from the request on or behind a good one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_core::stream::Protocol;
use polywire_fuzz::peer::{Peer, agree, ws_client, ws_server};
use polywire_fuzz::{is_masked, parts, pieces};
use polywire_ws::{
    Accept, Answer, Deflate, Response, Routes, WsConnectConfig, WsListenConfig, WsRequest,
};

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
    let config = match choice & 12 {
        0 => config.with_fragments(choice >> 4 & 1 == 1),
        4 => config.with_routes(routes()).with_fragments(choice >> 4 & 1 == 1),
        8 => config.with_deflate(Deflate::default()),
        _ => config.with_deflate(Deflate::dedicated(9 + (choice >> 4) % 7)),
    };
    let (mut whole, mut cut) = (ws_server(&config), ws_server(&config));
    whole.inflates = config.deflate.is_some();
    cut.inflates = whole.inflates;
    (whole.in_pieces, cut.in_pieces) = (config.fragments, config.fragments);
    if choice & 1 == 1 {
        open(&mut whole);
        open(&mut cut);
    }
    agree((&mut whole, &mut cut), bytes, pieces(bytes, &cuts));
    assert_eq!(without_date(&whole.out), without_date(&cut.out));
    if choice & 1 == 1 && is_masked(bytes) == Some(false) {
        assert!(whole.end.is_some() && whole.messages.is_empty(), "a client masks everything");
    }
    assert!(whole.messages.iter().all(|message| message.len() <= config.max_message_size));
    // An answer for each thing at most: the longest is a refusal, which comes once.
    assert!(whole.out.len() <= 1024 + 2 * bytes.len());
});

/// Accepts who asks for it, and answers everybody else.
fn routes() -> Routes {
    let answer = |request: &WsRequest| match request.is_upgrade() {
        true => Answer::from(Accept::new()),
        false => Response::text(200, request.param("page").unwrap_or_default()).into(),
    };
    Routes::new().with("/", answer).with("/{page}", answer).with("/{room}/{page}", answer)
}

/// An answer without its time: the second may change between two.
fn without_date(answer: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\r\nDate: ";
    let Some(at) = answer.windows(NAME.len()).position(|part| part == NAME) else {
        return answer.to_vec();
    };
    let rest = &answer[at + NAME.len()..];
    let line = rest.iter().position(|byte| *byte == b'\r').unwrap_or(rest.len());
    [&answer[..at], &rest[line..]].concat()
}

fn open(server: &mut Peer<impl Protocol>) {
    let client = WsConnectConfig::default().with_deflate(Deflate::dedicated(15));
    server.feed(&ws_client(&client).out);
    assert!(server.ready);
    server.out.clear();
}
