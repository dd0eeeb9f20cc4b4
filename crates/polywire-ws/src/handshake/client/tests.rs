use polywire_core::address::RemoteAddr;

use super::*;

const HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Accept: {accept}\r\n\r\n";

/// What comes of an answer, in which `{accept}` stands for the right one: whether it is taken, or why not.
fn outcome(answer: &str) -> Result<(), String> {
    let url = WsUrl::parse(&RemoteAddr::Str("ws://h/".into())).unwrap();
    let mut handshake = Handshake::new(&url, &WsConnectConfig::default());
    let answer = answer.replace("{accept}", &handshake.accept);
    let mut rest = answer.as_bytes();
    loop {
        let Decoded { consumed, item } = handshake
            .decode(rest, &Context::new(&mut Vec::new()))
            .map_err(|reason| reason.to_string())?;
        rest = &rest[consumed..];
        match item {
            Item::Ready if rest.is_empty() => return Ok(()),
            Item::Skip if rest.is_empty() => return Err(handshake.end_of_stream().to_string()),
            Item::Skip => {}
            other => return Err(format!("{other:?} before {rest:?}")),
        }
    }
}

const OK: &str = "101 Switching Protocols";
const STATUS: &str = "HTTP/1.1 101 Switching Protocols";
const ACCEPT: &str = "Sec-WebSocket-Accept: {accept}";
const FIRST: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols";
const AGAIN: &str = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 101 Switching Protocols";
const TWICE: &str = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n\
                     HTTP/1.1 101 Switching Protocols";

/// Each row is the head above with something in the place of something else, whether that is accepted,
/// and where it is written.
const ROWS: &[(&str, &str, bool, &str)] = &[
    ("", "", true, "RFC 6455 4.1"),
    // Names and lists.
    ("Connection: Upgrade", "connection: upgrade", true, "RFC 9110 5.1, 7.6.1"),
    ("Connection: Upgrade", "Connection: keep-alive, Upgrade", true, "RFC 9110 5.6.1"),
    ("Connection: Upgrade", "Connection: keep-alive,\tUpgrade", true, "RFC 9110 5.6.3"),
    ("Connection: Upgrade", "Connection: x\r\nConnection: Upgrade", true, "RFC 9110 5.3"),
    ("Connection: Upgrade", "Connection: close", false, "RFC 6455 4.1"),
    ("Connection: Upgrade\r\n", "", false, "RFC 6455 4.1"),
    ("Upgrade: websocket", "Upgrade: WebSocket", true, "RFC 6455 4.1"),
    ("Upgrade: websocket", "upgrade:websocket", true, "RFC 9112 5"),
    ("Upgrade: websocket", "Upgrade: websocket, x", true, "RFC 9110 7.8"),
    ("Upgrade: websocket", "Upgrade: h2c", false, "RFC 6455 4.1"),
    ("Upgrade: websocket\r\n", "", false, "RFC 6455 4.1"),
    // What was asked for, and what was not.
    (ACCEPT, "sec-websocket-accept: {accept}", true, "RFC 9110 5.1"),
    (ACCEPT, "Sec-WebSocket-Accept: \t{accept} ", true, "RFC 9110 5.5"),
    (ACCEPT, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", false, "RFC 6455 4.1"),
    (ACCEPT, "Sec-WebSocket-Accept:", false, "RFC 6455 4.1"),
    (ACCEPT, "Sec-WebSocket-Accept: {accept}, x", false, "RFC 6455 11.3.3"),
    (
        ACCEPT,
        "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Accept: {accept}",
        false,
        "RFC 6455 11.3.3",
    ),
    (ACCEPT, "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Accept: x", false, "RFC 6455 11.3.3"),
    ("Sec-WebSocket-Accept: {accept}\r\n", "", false, "RFC 6455 4.1"),
    (
        ACCEPT,
        "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: permessage-deflate",
        false,
        "RFC 6455 4.1",
    ),
    (ACCEPT, "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: x", false, "RFC 6455 4.1"),
    // Before the answer.
    (STATUS, FIRST, true, "RFC 9110 15.2"),
    (STATUS, AGAIN, true, "RFC 8297 2"),
    (STATUS, TWICE, true, "RFC 9110 15.2"),
    (STATUS, "HTTP/1.1 100 Continue", false, "RFC 9110 15.2.1: and then nothing"),
    // The status line.
    ("Switching Protocols", "", true, "RFC 9112 4"),
    (OK, "101 Whatever it says", true, "RFC 9112 4"),
    (OK, "200 OK", false, "RFC 6455 4.1"),
    (OK, "301 Moved Permanently\r\nLocation: ws://other/", false, "RFC 6455 4.1"),
    (OK, "401 Unauthorized\r\nWWW-Authenticate: Basic", false, "RFC 6455 4.1"),
    (OK, "403 Forbidden", false, "RFC 6455 4.1"),
    (OK, "426 Upgrade Required", false, "RFC 6455 4.4"),
    (OK, "503 Service Unavailable\r\nRetry-After: 1", false, "RFC 6455 4.1"),
    (OK, "10 Short", false, "RFC 9112 4"),
    (OK, "1010 Long", false, "RFC 9112 4"),
    (OK, "nonsense", false, "RFC 9112 4"),
    ("HTTP/1.1", "HTTP/2", false, "RFC 9112 2.3"),
    ("HTTP/1.1", "SSH-2.0", false, "RFC 9112 2.3"),
    // Lines.
    ("Connection: Upgrade", "Connection: Upgrade\r\nX:", true, "RFC 9110 5.5"),
    ("Connection: Upgrade", "Connection : Upgrade", false, "RFC 9112 5.1"),
    ("Connection: Upgrade", "Connection: Upgrade\r\nno colon", false, "RFC 9112 5"),
    ("Connection: Upgrade", "Connection: Upgrade\r\nX: a\0b", false, "RFC 9110 5.5"),
    ("Connection: Upgrade\r\n", "Connection: Upgrade\n", false, "RFC 9112 2.2"),
];

#[test]
fn answers_are_taken_as_the_rfcs_say() {
    for (part, other, is_taken, section) in ROWS {
        let head = HEAD.replacen(part, other, 1);
        assert!(part.is_empty() || head != HEAD, "{part} is not in the head");
        let outcome = outcome(&head);
        assert_eq!(outcome.is_ok(), *is_taken, "{section}: {outcome:?} of {head}");
    }
    assert!(ROWS.len() >= 40, "{}", ROWS.len());
}

#[test]
fn what_comes_before_the_answer_counts_against_its_limit() {
    let many = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
    let error = outcome(&format!("{many}{HEAD}")).unwrap_err();
    assert!(error.contains("too long"), "{error}");
}

#[test]
fn where_a_long_redirect_leads_is_told_by_its_beginning() {
    let to = |len: usize| {
        let location = format!("/{}?secret", "x".repeat(len - 1));
        outcome(&format!("HTTP/1.1 301 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
    };
    let (short, long) = (to(200).unwrap_err(), to(10_000).unwrap_err());
    let path = "x".repeat(199);
    assert!(short.contains(&format!(" to '/{path}'")), "{short}");
    assert!(long.contains(&path) && long.len() < 500, "{} bytes", long.len());
    assert!(!short.contains("secret") && !long.contains("secret"));
}

#[test]
fn who_a_redirect_names_is_not_told() {
    for (location, shown) in [
        ("//user:secret@host/x", "//host/x"),
        ("//user:secret@host", "//host"),
        ("//host/x?secret", "//host/x"),
        ("ws://user:secret@host/x", "ws://host/x"),
        ("http:user:secret@host/x", "host/x"),
        ("//host/x", "//host/x"),
        ("/x", "/x"),
    ] {
        let answer = format!("HTTP/1.1 301 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let text = outcome(&answer).unwrap_err();
        let is_told = text.contains(&format!(" to '{shown}'"));
        assert!(is_told && !text.contains("secret"), "{location}: {text}");
    }
}
