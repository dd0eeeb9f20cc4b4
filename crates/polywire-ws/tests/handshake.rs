//! The opening handshake, as RFC 6455 section 4 has it.

mod common;

use common::{ACCEPT, Peer, REQUEST, masked, raw};
use polywire_core::CloseReason;
use polywire_ws::{Close, WsConnectConfig, WsListenConfig};

fn server() -> Peer {
    Peer::server(&WsListenConfig::default())
}

/// The answer to a request that is refused.
fn refusal(request: &[u8]) -> String {
    let mut server = server();
    server.feed(request);
    assert!(matches!(server.end, Some(CloseReason::HandshakeRefused(_))), "{:?}", server.end);
    assert!(!server.ready);
    let answer = server.text_out();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let option = if head.contains("\r\nUpgrade: ") { "close, Upgrade" } else { "close" };
    assert!(head.contains(&format!("\r\nConnection: {option}\r\n")), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{answer}");
    answer
}

fn request_with(from: &str, to: &str) -> Vec<u8> {
    let request = String::from_utf8_lossy(REQUEST);
    assert!(request.contains(from));
    request.replace(from, to).into_bytes()
}

/// The reason a client has for refusing an answer, whose `{accept}` is filled in.
fn client_refusal(config: &WsConnectConfig, answer: &str) -> String {
    let mut client = Peer::client("ws://example.org/", config);
    let answer = answer.replace("{accept}", &accept_for(&client));
    client.feed(answer.as_bytes());
    match client.end {
        Some(CloseReason::HandshakeRefused(refusal)) => refusal.text().into(),
        end => panic!("{answer}: {end:?}"),
    }
}

fn accept_for(client: &Peer) -> String {
    let request = client.text_out();
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap().lines().next().unwrap();
    tungstenite::handshake::derive_accept_key(key.as_bytes())
}

const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

#[test]
fn the_request_of_the_rfc_is_accepted_wherever_it_is_cut() {
    let stream = [REQUEST, &masked(0x82, b"early")].concat();
    for cut in 0..stream.len() {
        let mut server = server();
        server.feed(&stream[..cut]);
        server.feed(&stream[cut..]);
        assert!(server.ready, "{:?}", server.end);
        assert_eq!(server.messages, [b"early"]);
        let answer = server.text_out();
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
        assert!(answer.contains(&format!("\r\nSec-WebSocket-Accept: {ACCEPT}\r\n")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn the_two_ends_understand_each_other_wherever_the_answer_is_cut() {
    let mut client = Peer::client("ws://example.org:81/chat?a=b", &WsConnectConfig::default());
    assert!(client.text_out().starts_with("GET /chat?a=b HTTP/1.1\r\nHost: example.org:81\r\n"));
    let mut server = server();
    server.feed_cut(&client.out, &[1]);
    assert!(server.ready, "{:?}", server.end);
    let mut answer = std::mem::take(&mut server.out);
    answer.extend_from_slice(&server.frame(b"hello"));
    client.feed_cut(&answer, &[1]);
    assert!(client.ready, "{:?}", client.end);
    assert_eq!(client.messages, [b"hello"]);
}

#[test]
fn what_is_no_upgrade_gets_an_http_error() {
    for (request, status) in [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (request_with("GET", "POST"), "405"),
        (request_with("Version: 13", "Version: 8"), "426"),
        (request_with("HTTP/1.1", "HTTP/1.0"), "400"),
        (request_with("HTTP/1.1", "HTTP/9"), "400"),
        (request_with("Upgrade: websocket\r\n", ""), "400"),
        (request_with("keep-alive, Upgrade", "keep-alive"), "400"),
        (request_with("dGhlIHNhbXBsZSBub25jZQ==", "short"), "400"),
        (request_with("Origin: ", "Origin\0: "), "400"),
        (b"GET / HTTP/1.1\nHost: x\n\nx\r\n\r\n".to_vec(), "400"),
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), "400"),
        (b"\r\n\r\n".to_vec(), "400"),
        (b"GEEEEEEEEEEEEEEEEEEEEEEEEEEET / HTTP/1.1".to_vec(), "400"),
        (b"\x82\x80\0\0\0\0".to_vec(), "400"),
    ] {
        let answer = refusal(&request);
        let expected = format!("HTTP/1.1 {status} ");
        let request = String::from_utf8_lossy(&request).into_owned();
        assert!(answer.starts_with(&expected), "{request:?}: {answer}");
    }
    assert!(refusal(&request_with("GET", "POST")).contains("\r\nAllow: GET\r\n"));
    let version = refusal(&request_with("Version: 13", "Version: 8"));
    assert!(version.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{version}");
}

#[test]
fn a_long_head_is_refused_at_the_limit() {
    let mut request = b"GET / HTTP/1.1\r\nA: ".to_vec();
    request.resize(16 << 20, b'a');
    assert!(refusal(&request).starts_with("HTTP/1.1 431 "));
    let lines = [&b"GET / HTTP/1.1\r\n"[..], &b"A: b\r\n".repeat(5000)].concat();
    let mut server = server();
    for (fed, byte) in lines.iter().enumerate() {
        server.feed(&[*byte]);
        if server.end.is_some() {
            assert_eq!(fed + 1, 16 << 10);
            break;
        }
    }
    assert!(server.text_out().starts_with("HTTP/1.1 431 "));
    let many = [&b"GET / HTTP/1.1\r\n"[..], &b"A: b\r\n".repeat(1000), b"\r\n"].concat();
    assert!(refusal(&many).starts_with("HTTP/1.1 431 "));
}

#[test]
fn an_answer_that_does_not_accept_is_refused_by_the_client() {
    let config = WsConnectConfig::default();
    for (answer, expected) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "HTTP 404 Not Found"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "HTTP"),
        ("HTTP/1.1 nonsense\r\n\r\n", "status"),
        ("HTTP/1.0 101 x\r\n\r\n", "version"),
        (&ANSWER.replace("{accept}", "xxxxx"), "Sec-WebSocket-Accept"),
        (&ANSWER.replace("Sec-WebSocket-Accept: {accept}\r\n", ""), "Sec-WebSocket-Accept"),
        (&ANSWER.replace("Upgrade: websocket\r\n", ""), "Upgrade: websocket"),
        (&ANSWER.replace("Connection: Upgrade\r\n", ""), "Connection: Upgrade"),
        (&ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"), "extension"),
        (&ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n"), "subprotocol"),
        (&format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(1 << 20)), "too long"),
    ] {
        let text = client_refusal(&config, answer);
        assert!(text.contains(expected), "{answer:.100}: {text}");
    }
    let asks = config.with_subprotocol("chat");
    assert!(client_refusal(&asks, ANSWER).contains("subprotocol"));
}

#[test]
fn headers_and_subprotocols_reach_the_server_and_one_is_chosen() {
    let connect = WsConnectConfig::default()
        .with_subprotocol("soap")
        .with_subprotocol("chat.v2")
        .with_header("X-Room", "42");
    let listen = WsListenConfig::default().with_subprotocol("chat.v2").with_subprotocol("chat.v1");
    let mut client = Peer::client("ws://example.org/", &connect);
    assert!(client.text_out().contains("\r\nX-Room: 42\r\n"));
    let mut server = Peer::server(&listen);
    server.feed(&client.out);
    assert!(server.text_out().contains("\r\nSec-WebSocket-Protocol: chat.v2\r\n"));
    client.feed(&server.out);
    assert!(client.ready, "{:?}", client.end);
    let mut plain = Peer::server(&listen);
    plain.feed(REQUEST);
    assert!(plain.ready && !plain.text_out().contains("Sec-WebSocket-Protocol"));
}

#[test]
fn the_end_of_the_stream_during_the_handshake_refuses_it() {
    let mut client = Peer::client("ws://example.org/", &WsConnectConfig::default());
    let refused = |text: &'static str| CloseReason::HandshakeRefused(text.into());
    let hint = "closed during the handshake: does it expect wss://?";
    assert_eq!(client.feed_end(), refused(hint));
    let mut server = server();
    server.feed(b"GET / HT");
    assert_eq!(server.feed_end(), refused("closed during the handshake"));
    let mut secure = Peer::client("wss://example.org/", &WsConnectConfig::default());
    assert_eq!(secure.feed_end(), refused("closed during the handshake"));
}

#[test]
fn only_a_time_out_is_told_to_a_peer_whose_handshake_is_not_done() {
    let mut late = server();
    late.close(&CloseReason::HandshakeTimeout);
    assert!(late.text_out().starts_with("HTTP/1.1 408 "));
    let mut stopped = server();
    stopped.close(&CloseReason::NodeStopped);
    assert!(stopped.out.is_empty());
    let mut client = Peer::client("ws://example.org/", &WsConnectConfig::default());
    client.out.clear();
    client.close(&CloseReason::HandshakeTimeout);
    assert!(client.out.is_empty());
}

#[test]
fn unmasked_frames_right_behind_the_request_are_refused_after_it() {
    let mut server = server();
    server.feed(&[REQUEST, &raw(0x82, b"x", false)].concat());
    assert!(server.ready);
    assert!(matches!(server.end, Some(CloseReason::ProtocolViolation(_))));
}

#[test]
fn tls_where_none_is_spoken_is_told_as_such() {
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];
    let answer = refusal(&hello);
    assert!(answer.contains("looks like TLS") && answer.contains("`ws://`"), "{answer}");
    let mut server = server();
    hello.iter().for_each(|byte| server.feed(&[*byte]));
    // But for the date.
    assert_eq!(server.text_out().lines().last(), answer.lines().last());
    for pieces in [&[&[0x15, 3, 3, 0, 2, 2, 50][..]][..], &[&[0x15], &[3, 3, 0, 2, 2, 50]]] {
        let mut client = Peer::client("ws://example.org/", &WsConnectConfig::default());
        pieces.iter().for_each(|piece| client.feed(piece));
        let expected =
            CloseReason::HandshakeRefused("the peer answers in TLS: connect to `wss://`".into());
        assert_eq!(client.end, Some(expected));
    }
}

#[test]
fn a_client_that_the_program_closed_is_closed_when_the_body_of_a_refusal_never_ends() {
    let answer = b"HTTP/1.1 403 x\r\nContent-Length: 10\r\n\r\nhalf";
    for closes_first in [true, false] {
        let mut client = Peer::client("ws://example.org/", &WsConnectConfig::default());
        let close = Close::new(4000, "done").unwrap();
        if closes_first {
            client.control(close.clone());
        }
        client.feed(answer);
        if !closes_first {
            client.control(close);
        }
        assert_eq!(client.end, None);
        client.expire();
        let closed = CloseReason::ClosedWith { code: 4000, text: "done".into() };
        assert_eq!(client.end, Some(closed));
    }
}
