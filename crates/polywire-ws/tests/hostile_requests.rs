//! Requests that are meant to do harm, and clients that never come to the point.

mod common;
mod served;

use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Peer, REQUEST, masked};
use polywire_core::{CloseReason, Limits};
use polywire_ws::{Accept, Answer, Response, WsListenConfig, WsRequest};
use served::{DEADLINE, Server, answered, upgrade_head};

fn paged() -> WsListenConfig {
    WsListenConfig::default().with_on_request(|request: &WsRequest| -> Answer {
        match request.is_upgrade() {
            true => Accept::new().into(),
            false => Response::text(200, "page").into(),
        }
    })
}

fn later() -> WsListenConfig {
    WsListenConfig::default().with_on_request(|_: &WsRequest| Answer::Later)
}

const PAGE: &[u8] = b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_head_means_the_same_wherever_it_is_cut() {
    for request in [REQUEST, PAGE] {
        let mut whole = Peer::server(&paged());
        whole.feed(request);
        for cut in 0..request.len() {
            let mut server = Peer::server(&paged());
            server.feed(&request[..cut]);
            assert!(server.out.is_empty(), "{cut}");
            server.feed(&request[cut..]);
            assert_eq!((&server.out, &server.end), (&whole.out, &whole.end), "{cut}");
        }
    }
}

#[test]
fn a_head_that_ends_anywhere_gets_no_answer() {
    for cut in 1..PAGE.len() {
        let mut server = Peer::server(&paged());
        server.feed(&PAGE[..cut]);
        assert!(matches!(server.feed_end(), CloseReason::HandshakeRefused(_)), "{cut}");
        assert!(server.out.is_empty(), "{cut}");
    }
}

#[test]
fn what_comes_before_a_later_answer_waits_within_the_limit() {
    let config = later().with_max_handshake_size(1000);
    let frame = masked(0x82, b"early");
    for cut in 0..=frame.len() {
        let mut server = Peer::server(&config);
        server.feed(&[REQUEST, &frame[..cut]].concat());
        assert!(!server.ready && server.out.is_empty(), "{cut}");
        server.control(Accept::new());
        assert!(server.ready && server.text_out().starts_with("HTTP/1.1 101 "), "{cut}");
        server.feed(&frame[cut..]);
        assert_eq!(server.messages, [b"early"], "{cut}");
    }
    let mut server = Peer::server(&config);
    server.feed(REQUEST);
    let mut sent = 0;
    while server.end.is_none() && sent < 2000 {
        server.feed(b"x");
        sent += 1;
    }
    assert_eq!(sent, 1001);
    assert!(server.text_out().starts_with("HTTP/1.1 400 "));
}

#[test]
fn only_the_first_answer_counts_and_none_before_the_request() {
    let mut server = Peer::server(&later());
    server.control(Accept::new());
    server.feed(&REQUEST[..20]);
    server.control(Response::new(500));
    assert!(server.out.is_empty() && server.end.is_none());
    server.feed(&REQUEST[20..]);
    server.control(Answer::Later);
    server.control("of another type");
    assert!(server.out.is_empty());
    server.control(Answer::from(Accept::new()));
    assert!(server.ready);
    let answer = server.text_out();
    server.control(Accept::new());
    server.control(Response::new(500));
    assert_eq!((server.text_out(), &server.end), (answer, &None));
}

#[test]
fn floods_of_headers_are_refused_at_the_limit() {
    let server = Server::new(paged());
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(200));
    assert_eq!(server.ask(&many).status(), "431");
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "b".repeat(1 << 20));
    assert_eq!(server.ask(&long).status(), "431");
    let path = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(1 << 20));
    assert_eq!(server.ask(&path).status(), "431");
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status(), "200");
    assert_eq!(server.network().stats().half_received_bytes, 0);
}

#[test]
fn a_body_is_refused_and_the_refusal_arrives_nevertheless() {
    let server = Server::new(paged());
    let body = "x".repeat(500 << 10);
    for (head, status) in [
        (format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n", body.len()), "405"),
        (format!("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n", body.len()), "413"),
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n".to_owned(), "400"),
    ] {
        let answer = server.ask(&format!("{head}\r\n{body}"));
        assert_eq!(answer.status(), status, "{head}");
    }
}

#[test]
fn a_second_request_behind_the_first_is_not_read() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let server = Server::new(WsListenConfig::default().with_on_request(move |_: &WsRequest| {
        *count.lock().unwrap() += 1;
        Response::text(200, "one")
    }));
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
    let answer = server.ask(&request);
    assert_eq!((answer.text(), *asked.lock().unwrap()), ("one", 1));
}

#[test]
fn slow_heads_are_ended_in_time_and_hold_up_nobody() {
    let limits = Limits::default()
        .with_handshake_timeout(Duration::from_millis(300))
        .with_linger(Duration::from_millis(100));
    let server = Server::new(paged().with_limits(limits));
    let mut slow: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    }
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status(), "200");
    // A byte now and then is no reason to wait longer.
    let start = Instant::now();
    let mut dripping = slow.pop().unwrap();
    while start.elapsed() < DEADLINE && dripping.write_all(b"h").is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() < DEADLINE);
    for stream in slow {
        assert_eq!(answered(stream).status(), "408");
    }
}

#[test]
fn a_thousand_answers_that_are_owed_are_bounded() {
    let (sender, asked) = mpsc::channel();
    let sender = Mutex::new(sender);
    let limits = Limits::default().with_max_handshakes(50);
    let config = WsListenConfig::default().with_limits(limits).with_on_request(
        move |request: &WsRequest| {
            sender.lock().unwrap().send(request.resource_id()).unwrap();
            Answer::Later
        },
    );
    let mut server = Server::new(config);
    let mut ids = Vec::new();
    let mut streams: Vec<_> = (0..1000)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(upgrade_head("/", "").as_bytes()).unwrap();
            ids.push(asked.recv_timeout(DEADLINE).unwrap());
            stream
        })
        .collect();
    // The hook of the last runs before it is counted.
    let start = Instant::now();
    loop {
        let stats = server.network().stats();
        if (stats.refused, stats.endpoints) == (950, 51) {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "{stats:?}");
        std::thread::yield_now();
    }
    // Who was given up for others is gone, and the program learns it when it answers.
    for (at, (id, stream)) in ids.into_iter().zip(&mut streams).enumerate() {
        let is_kept = at >= 950;
        assert_eq!(server.network().control(id, Accept::new()), is_kept, "{at}");
        if is_kept {
            assert_eq!(server.accepted().resource_id(), id);
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 101");
        } else {
            assert!(!matches!(stream.read(&mut [0]), Ok(1)), "{at}");
        }
    }
}
