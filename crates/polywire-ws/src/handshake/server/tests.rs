use super::*;
use crate::extensions::Extensions;
use crate::listen_config::WsListenConfig;

const HEAD: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What a listener of that configuration answers to `head`.
fn answer_to(config: &WsListenConfig, head: &str) -> String {
    let mut out = Vec::new();
    let policy = Policy::new(config, false).unwrap();
    let mut handshake = Handshake::new(Arc::new(policy), Extensions::new(None));
    let result = handshake.decode(head.as_bytes(), &mut Context::new(&mut out), None);
    out.extend_from_slice(&handshake.last_words());
    let out = String::from_utf8(out).unwrap();
    assert_eq!(result.is_ok(), out.starts_with("HTTP/1.1 101 "), "{head}: {out}");
    out
}

fn status_in(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// Each row is the head above with something in the place of something else, the status, and where that
/// is written.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("", "", "101", "RFC 6455 4.2.1"),
    // Names and lists.
    ("Connection: Upgrade", "connection: upgrade", "101", "RFC 9110 5.1, 7.6.1"),
    ("Connection: Upgrade", "CONNECTION:UPGRADE", "101", "RFC 9112 5"),
    ("Connection: Upgrade", "Connection: keep-alive, Upgrade", "101", "RFC 9110 5.6.1"),
    ("Connection: Upgrade", "Connection: keep-alive,\tUpgrade", "101", "RFC 9110 5.6.3"),
    ("Connection: Upgrade", "Connection: keep-alive ,Upgrade", "101", "RFC 9110 5.6.1"),
    ("Connection: Upgrade", "Connection: ,,Upgrade,", "101", "RFC 9110 5.6.1.2"),
    ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade", "101", "RFC 9110 5.3"),
    ("Connection: Upgrade", "Connection: Upgrade\r\nConnection: close", "101", "RFC 9110 5.3"),
    ("Connection: Upgrade", "Connection: \t Upgrade \t", "101", "RFC 9110 5.5"),
    ("Connection: Upgrade", "Connection: Upgrades", "400", "RFC 6455 4.2.1"),
    ("Connection: Upgrade", "Connection: keep-alive", "400", "RFC 6455 4.2.1"),
    ("Connection: Upgrade", "Connection: Upgrade keep-alive", "400", "RFC 9110 5.6.2"),
    ("Connection: Upgrade", "Connection:", "400", "RFC 6455 4.2.1"),
    ("Connection: Upgrade\r\n", "", "400", "RFC 6455 4.2.1"),
    ("Upgrade: websocket", "Upgrade: WebSocket", "101", "RFC 6455 4.2.1"),
    ("Upgrade: websocket", "Upgrade: h2c, websocket", "101", "RFC 9110 7.8"),
    ("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket", "101", "RFC 9110 5.3"),
    ("Upgrade: websocket", "Upgrade: websocket,", "101", "RFC 9110 5.6.1"),
    ("Upgrade: websocket", "Upgrade: websockets", "400", "RFC 6455 4.2.1"),
    ("Upgrade: websocket", "Upgrade: h2c", "400", "RFC 6455 4.2.1"),
    ("Upgrade: websocket", "Upgrade:", "400", "RFC 6455 4.2.1"),
    ("Upgrade: websocket\r\n", "", "400", "RFC 6455 4.2.1"),
    // Host.
    ("Host: h", "Host: h:80", "101", "RFC 9110 7.2"),
    ("Host: h", "Host: [::1]:80", "101", "RFC 9110 7.2"),
    ("Host: h", "host: h", "101", "RFC 9110 5.1"),
    ("Host: h", "Host:", "101", "RFC 9112 3.2"),
    ("Host: h", "Host: [::ffff:127.0.0.1]:80", "101", "RFC 9110 7.2"),
    ("Host: h", "Host: a_b.example.:", "101", "RFC 3986 3.2.3"),
    ("Host: h", "Host: %2Frun%2Fws.sock", "101", "RFC 3986 3.2.2"),
    ("Host: h\r\n", "", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: h\r\nHost: h", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: h\r\nhost: other", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: a b", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: h, h", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: http://h/", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: h/", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: user@h", "400", "RFC 9110 7.2"),
    ("Host: h", "Host: h:port", "400", "RFC 3986 3.2.3"),
    ("Host: h", "Host: ::1", "400", "RFC 3986 3.2.2"),
    ("Host: h", "Host: [::1", "400", "RFC 3986 3.2.2"),
    // Version and key.
    ("Version: 13", "Version:13", "101", "RFC 9112 5"),
    ("Version: 13", "Version: 13 ", "101", "RFC 9110 5.5"),
    ("Version: 13", "Version: 8", "426", "RFC 6455 4.4"),
    ("Version: 13", "Version: 014", "426", "RFC 6455 4.4"),
    ("Version: 13", "Version: 13, 8", "426", "RFC 6455 4.2.1"),
    ("Version: 13", "Version:", "426", "RFC 6455 4.4"),
    ("Sec-WebSocket-Version: 13\r\n", "", "426", "RFC 6455 4.4"),
    (
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13",
        "400",
        "RFC 6455 11.3.5",
    ),
    ("dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", "101", "RFC 6455 4.1"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "+/AAAAAAAAAAAAAAAAAAAA==", "101", "RFC 4648 4"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "-_AAAAAAAAAAAAAAAAAAAA==", "400", "RFC 4648 4"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "short", "400", "RFC 6455 4.2.1"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", "400", "RFC 4648 3.2"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAAAA", "400", "RFC 6455 4.1"),
    ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==, a", "400", "RFC 6455 11.3.1"),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400", "RFC 6455 4.2.1"),
    (
        "\r\n\r\n",
        "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "400",
        "RFC 6455 11.3.1",
    ),
    // The request line.
    ("GET", "POST", "405", "RFC 6455 4.1"),
    ("GET", "HEAD", "405", "RFC 6455 4.1"),
    ("GET", "OPTIONS", "405", "RFC 6455 4.1"),
    ("GET", "get", "400", "RFC 9110 9.1"),
    ("GET", "", "400", "RFC 9112 3"),
    ("GET /chat", "GET  /chat", "400", "RFC 9112 3"),
    ("/chat", "/chat?a=b&c", "101", "RFC 9112 3.2.1"),
    ("/chat", "http://h/chat", "101", "RFC 9112 3.2.2"),
    ("/chat", "http://[::1]:80/chat", "101", "RFC 9112 3.2.2"),
    ("/chat", "http://user@h/chat", "400", "RFC 9110 4.2.4"),
    ("/chat", "http://h:port/chat", "400", "RFC 3986 3.2.3"),
    ("/chat", "http://:80/chat", "400", "RFC 9110 4.2.1"),
    ("/chat", "/ch\tat", "400", "RFC 9112 3.2"),
    ("/chat ", "", "400", "RFC 9112 3"),
    ("HTTP/1.1", "HTTP/1.0", "400", "RFC 6455 4.1"),
    ("HTTP/1.1", "HTTP/2.0", "400", "RFC 9112 2.3"),
    ("HTTP/1.1", "HTTP/9", "400", "RFC 9112 2.3"),
    ("HTTP/1.1", "http/1.1", "400", "RFC 9112 2.3"),
    ("HTTP/1.1", "", "400", "RFC 9112 3"),
    // Bodies, and what is expected of them.
    ("Host: h", "Host: h\r\nContent-Length: 0", "101", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: 5", "400", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: 0\r\nContent-Length: 5", "400", "RFC 9112 6.3"),
    ("Host: h", "Host: h\r\nContent-Length: -1", "400", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nTransfer-Encoding: chunked", "400", "RFC 9112 6.1"),
    ("Host: h", "Host: h\r\nTransfer-Encoding: identity", "400", "RFC 9112 6.1"),
    ("Host: h", "Host: h\r\nExpect: 100-continue", "417", "RFC 9110 10.1.1"),
    ("Host: h", "Host: h\r\nExpect: something", "417", "RFC 9110 10.1.1"),
    // Lines.
    ("Host: h", "Host: h\r\nX:", "101", "RFC 9110 5.5"),
    ("Host: h", "Host: h\r\nX: \u{fc}", "101", "RFC 9110 5.5"),
    ("Host: h", "Host: h\r\nX : y", "400", "RFC 9112 5.1"),
    ("Host: h", "Host: h\r\n folded", "400", "RFC 9112 5.2"),
    ("Host: h", "Host: h\r\nno colon", "400", "RFC 9112 5"),
    ("Host: h", "Host: h\r\n: no name", "400", "RFC 9112 5"),
    ("Host: h", "Host: h\r\nX: a\0b", "400", "RFC 9110 5.5"),
    ("Host: h", "Host: h\r\nX\0: y", "400", "RFC 9110 5.6.2"),
    ("Host: h\r\n", "Host: h\n", "400", "RFC 9112 2.2"),
    ("\r\n\r\n", "\n\n", "400", "RFC 9112 2.2"),
    ("GET", "\r\nGET", "400", "RFC 9112 2.2, which lets one ignore it"),
];

#[test]
fn heads_are_answered_as_the_rfcs_say() {
    for (part, other, status, section) in ROWS {
        let head = HEAD.replacen(part, other, 1);
        assert!(part.is_empty() || head != HEAD, "{part} is not in the head");
        for config in [WsListenConfig::default(), paged()] {
            let answer = answer_to(&config, &head);
            let is_page = config.on_request.is_some() && answer.starts_with("HTTP/1.1 201 ");
            assert!(is_page || status_in(&answer) == *status, "{section}: {head}: {answer}");
        }
    }
    assert!(ROWS.len() >= 80, "{}", ROWS.len());
}

#[test]
fn the_host_of_a_target_in_absolute_form_takes_the_place_of_the_received_one() {
    let config = WsListenConfig::default().with_same_origin(true);
    for (target, origin, status) in [
        ("/chat", "http://h", "101"),
        ("/chat", "http://other", "403"),
        ("http://other/chat", "http://other", "101"),
        ("http://other:81/chat", "http://other:81", "101"),
        ("http://user@other:81/chat", "http://other:81", "400"),
        ("http://other/chat", "http://h", "403"),
    ] {
        let lines = format!("Host: h\r\nOrigin: {origin}\r\n");
        let head = HEAD.replacen("/chat", target, 1).replacen("Host: h\r\n", &lines, 1);
        assert_eq!(status_in(&answer_to(&config, &head)), status, "{target} {origin}");
    }
    // For the program as well.
    let telling = WsListenConfig::default().with_on_request(|request: &WsRequest| -> Answer {
        let hosts: Vec<_> = request.headers().get_all("host").iter().collect();
        Response::text(404, format!("{hosts:?} {:?}", request.header("host"))).into()
    });
    for (target, host) in
        [("/chat", "h"), ("http://other/chat", "other"), ("http://other:81", "other:81")]
    {
        let answer = answer_to(&telling, &HEAD.replacen("/chat", target, 1));
        let told = format!("[{host:?}] Some({host:?})");
        assert!(answer.ends_with(&told), "{target}: {answer}");
    }
}

/// Answers what is no upgrade with 201, and a body.
fn paged() -> WsListenConfig {
    WsListenConfig::default().with_on_request(|request: &WsRequest| -> Answer {
        match request.is_upgrade() {
            true => Accept::new().into(),
            false => Response::text(201, "page").into(),
        }
    })
}

const PAGE: &str = "GET /page HTTP/1.1\r\nHost: h\r\n\r\n";

/// As [`ROWS`], of an ordinary request to who answers some.
const PAGE_ROWS: &[(&str, &str, &str, &str)] = &[
    ("", "", "201", "RFC 9110 9.3.1"),
    ("GET", "HEAD", "201", "RFC 9110 9.3.2"),
    ("GET", "POST", "405", "RFC 9110 15.5.6"),
    ("GET", "PUT", "405", "RFC 9110 15.5.6"),
    ("GET", "OPTIONS", "405", "RFC 9110 15.5.6"),
    ("GET", "CONNECT", "405", "RFC 9110 15.5.6"),
    ("GET", "BREW", "405", "RFC 9110 15.5.6"),
    ("GET /page", "OPTIONS *", "405", "RFC 9110 15.5.6"),
    ("GET /page", "CONNECT h:1", "405", "RFC 9110 15.5.6"),
    ("GET /page", "BREW page", "405", "RFC 9110 15.5.6"),
    ("GET /page", "HEAD page", "400", "RFC 9112 3.2"),
    ("/page", "http://h/page", "201", "RFC 9112 3.2.2"),
    ("/page", "http://h", "201", "RFC 9112 3.2.2"),
    ("/page", "page", "400", "RFC 9112 3.2"),
    ("/page", "h:80", "400", "RFC 9112 3.2.3"),
    ("/page", "*", "400", "RFC 9112 3.2.4"),
    ("/page", "/page#part", "400", "RFC 3986 3.5"),
    ("/page", "/../page", "201", "RFC 3986 6: left to who compares"),
    ("HTTP/1.1", "HTTP/1.0", "201", "RFC 9112 2.3"),
    ("HTTP/1.1\r\nHost: h", "HTTP/1.0", "201", "RFC 9112 3.2"),
    (
        "HTTP/1.1",
        "HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket",
        "201",
        "RFC 9110 7.8: in HTTP/1.0 it is ignored",
    ),
    ("HTTP/1.1", "HTTP/1.2", "400", "RFC 9112 2.3"),
    ("HTTP/1.1", "HTTP/2.0", "400", "RFC 9112 2.3"),
    ("Host: h\r\n", "", "400", "RFC 9112 3.2"),
    ("Host: h", "Host: h\r\nHost: h", "400", "RFC 9112 3.2"),
    // Upgrades to something else are not taken up; one that is nearly one to WebSocket is told why not.
    ("Host: h", "Host: h\r\nConnection: Upgrade\r\nUpgrade: h2c", "201", "RFC 9110 7.8"),
    ("Host: h", "Host: h\r\nUpgrade: websocket", "400", "RFC 6455 4.2.1"),
    ("Host: h", "Host: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "400", "RFC 6455 4.2.1"),
    // Bodies.
    ("Host: h", "Host: h\r\nContent-Length: 0", "201", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: 5", "413", "RFC 9110 15.5.14"),
    ("Host: h", "Host: h\r\nContent-Length: 00", "413", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: 99999999999999999999999", "413", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: -1", "400", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: +0", "400", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: 0x0", "400", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length:", "400", "RFC 9112 6.2"),
    ("Host: h", "Host: h\r\nContent-Length: 0, 0", "400", "RFC 9112 6.3"),
    ("Host: h", "Host: h\r\nContent-Length: 0\r\nContent-Length: 0", "400", "RFC 9112 6.3"),
    ("Host: h", "Host: h\r\nContent-Length: 0\r\ncontent-length: 5", "400", "RFC 9112 6.3"),
    ("Host: h", "Host: h\r\nTransfer-Encoding: chunked", "400", "RFC 9112 6.1"),
    (
        "Host: h",
        "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0",
        "400",
        "RFC 9112 6.1",
    ),
    ("Host: h", "Host: h\r\nContent-Length : 0", "400", "RFC 9112 5.1"),
    // Expectations.
    ("Host: h", "Host: h\r\nExpect: 100-continue", "201", "RFC 9110 10.1.1"),
    ("Host: h", "Host: h\r\nExpect: 100-Continue", "201", "RFC 9110 10.1.1"),
    ("Host: h", "Host: h\r\nExpect: something", "417", "RFC 9110 10.1.1"),
    ("HTTP/1.1\r\nHost: h", "HTTP/1.0\r\nExpect: something", "201", "RFC 9110 10.1.1"),
];

#[test]
fn ordinary_requests_are_answered_as_the_rfcs_say() {
    for (part, other, status, section) in PAGE_ROWS {
        let head = PAGE.replacen(part, other, 1);
        assert!(part.is_empty() || head != PAGE, "{part} is not in the head");
        let answer = answer_to(&paged(), &head);
        assert_eq!(status_in(&answer), *status, "{section}: {head}");
        let (head_of, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.is_empty(), head.starts_with("HEAD"), "{section}: {answer}");
        if *status == "405" {
            assert!(head_of.contains("\r\nAllow: GET, HEAD\r\n"), "{answer}");
        }
        // Without a hook there are no pages.
        let answer = answer_to(&WsListenConfig::default(), &head);
        assert!(matches!(status_in(&answer), "400" | "405" | "417"), "{section}: {head}: {answer}");
    }
    assert!(PAGE_ROWS.len() >= 40, "{}", PAGE_ROWS.len());
}
