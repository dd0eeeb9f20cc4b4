//! Servers that do not accept, and what the program learns of their answers.

mod common;
mod loopback;

use std::io::Write;
use std::time::{Duration, Instant};

use common::Peer;
use loopback::{answering, read_head, read_to_the_end, refusal, server, within};
use polywire_core::network::NetEvent;
use polywire_core::{CloseReason, node};
use polywire_ws::{RedirectError, WsConnectConfig, WsRefusal, WsResponse};

/// What a client is told that gets `answer`, cut like that, and then the end of the stream.
fn told(config: &WsConnectConfig, url: &str, answer: &[u8], cuts: &[usize]) -> (String, WsRefusal) {
    let mut client = Peer::client(url, config);
    client.feed_cut(answer, cuts);
    let end = client.end.take().unwrap_or_else(|| client.feed_end());
    let CloseReason::HandshakeRefused(refusal) = end else { panic!("{end:?}") };
    let detail = refusal.detail::<WsRefusal>().unwrap_or_else(|| panic!("{refusal}"));
    (refusal.text().into(), detail.clone())
}

#[test]
fn a_refusal_is_told_with_status_headers_and_body_wherever_it_is_cut() {
    let config = WsConnectConfig::default();
    for (answer, text, body) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nno!!!",
            "HTTP 401 Unauthorized",
            "no!!!",
        ),
        ("HTTP/1.1 503 x\r\nRetry-After: 7\r\n\r\nlater", "HTTP 503 Service Unavailable", "later"),
        ("HTTP/1.0 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden", ""),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 x\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nslo\r\n1;x\r\nw\r\n0\r\n\r\n",
            "HTTP 429 Too Many Requests",
            "slow",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\nwhat?", "HTTP 204 No Content", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", "HTTP 200 OK", "cut"),
    ] {
        for cut in 1..=answer.len() {
            let cuts = [cut, answer.len()];
            let (told, detail) = told(&config, "ws://h/", answer.as_bytes(), &cuts);
            assert_eq!((told.as_str(), &detail.body[..]), (text, body.as_bytes()), "{cut}");
            assert!(text.contains(&detail.status.to_string()), "{detail:?}");
            let retry = detail.headers.get("retry-after").map(|value| value.to_str().unwrap());
            assert_eq!(retry, (detail.status == 503).then_some("7"));
            assert_eq!(detail.redirect, None);
        }
    }
}

#[test]
fn no_more_than_16_kib_of_a_body_are_kept() {
    let config = WsConnectConfig::default();
    for (framing, start) in [
        ("", String::new()),
        ("Content-Length: 100000\r\n", String::new()),
        ("Transfer-Encoding: chunked\r\n", "186a0\r\n".into()),
    ] {
        let head = format!("HTTP/1.1 500 x\r\n{framing}\r\n{start}");
        let answer = [head.as_bytes(), &[b'x'; 100_000]].concat();
        let mut client = Peer::client("ws://h/", &config);
        let mut fed = 0;
        for part in answer.chunks(1000) {
            client.feed(part);
            fed += part.len();
            if client.end.is_some() {
                break;
            }
        }
        assert!(fed <= (16 << 10) + 2000, "{fed} bytes were read");
        let (_, detail) = told(&config, "ws://h/", &answer, &[1 << 20]);
        assert_eq!(detail.body.len(), 16 << 10);
    }
}

#[test]
fn a_redirect_that_is_not_followed_says_why() {
    let config = WsConnectConfig::default().with_max_redirects(3);
    for (url, location, error) in [
        ("wss://h/", "Location: ws://h/\r\n", RedirectError::ClearText),
        ("wss://h/", "Location: http://other/?token=secret\r\n", RedirectError::ClearText),
        ("ws://h/a?x", "Location: ws://H:80/a?x#y\r\n", RedirectError::Loop),
        ("ws://h/a?x", "Location: #y\r\n", RedirectError::Loop),
        ("ws://h/", "", RedirectError::BadLocation),
        ("ws://h/", "Location: /a\r\nLocation: /b\r\n", RedirectError::BadLocation),
        ("ws://h/", "Location: gopher://h/\r\n", RedirectError::BadLocation),
        ("ws://h/", "Location: /\u{e9}\r\n", RedirectError::BadLocation),
    ] {
        let answer = format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 4\r\n\r\ngone");
        let (text, detail) = told(&config, url, answer.as_bytes(), &[7]);
        assert_eq!((detail.redirect, &detail.body[..]), (Some(error), &b"gone"[..]), "{text}");
        assert!(text.contains(&error.to_string()) && !text.contains("secret"), "{text}");
    }
    let config = WsConnectConfig::default();
    let answer = b"HTTP/1.1 307 x\r\nLocation: wss://other/a?secret\r\nContent-Length: 0\r\n\r\n";
    let (text, detail) = told(&config, "ws://h/", answer, &[1]);
    assert_eq!(detail.redirect, Some(RedirectError::NotAsked));
    assert!(text.contains("'wss://other/a'"), "{text}");
    // 304 is no redirect, and other headers may be called so.
    let (_, detail) = told(&config, "ws://h/", b"HTTP/1.1 304 x\r\nLocation: /a\r\n\r\n", &[9]);
    assert_eq!(detail.redirect, None);
}

#[test]
fn a_refusal_reaches_the_program_over_a_socket() {
    let addr = answering("HTTP/1.1 503 x\r\nRetry-After: 7\r\nSet-Cookie: secret\r\n\r\nlater");
    let refusal = refusal(&WsConnectConfig::default(), &format!("ws://{addr}/"));
    let detail = refusal.detail::<WsRefusal>().unwrap();
    assert_eq!((detail.status, &detail.body[..]), (503, &b"later"[..]));
    assert!(!format!("{refusal:?}").contains("secret"), "{refusal:?}");
}

/// Elsewhere a reset may take with it what came before.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_refuses_without_a_look_at_the_request_is_heard() {
    // Its end is a reset, for it leaves the request unread.
    let addr = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 503 x\r\n\r\nbusy");
    });
    for _ in 0..50 {
        let refused = refusal(&WsConnectConfig::default(), &format!("ws://{addr}/"));
        assert_eq!(refused.detail::<WsRefusal>().unwrap().status, 503);
    }
}

#[test]
fn a_body_that_does_not_end_costs_neither_the_status_nor_much_time() {
    // It sends for ever.
    let flooding = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 500 x\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let config = within(Duration::from_secs(60));
    let refused = refusal(&config, &format!("ws://{flooding}/"));
    assert_eq!(refused.detail::<WsRefusal>().unwrap().body.len(), 16 << 10);
    // It goes silent.
    let silent = server(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\npart").unwrap();
        read_to_the_end(&mut stream);
    });
    let (config, begun) = (within(Duration::from_secs(20)), Instant::now());
    let refused = refusal(&config, &format!("ws://{silent}/"));
    let detail = refused.detail::<WsRefusal>().unwrap();
    assert_eq!((detail.status, &detail.body[..]), (500, &b"part"[..]));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_refusal_is_told_whatever_its_body_promises() {
    for (framing, status) in [
        ("Content-Length: 99\r\n\r\npart", 401),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", 401),
        ("Transfer-Encoding: chunked\r\n\r\n40\r\npart", 503),
        ("Location: /other\r\n\r\npart", 302),
    ] {
        let head = format!("HTTP/1.1 {status} x\r\n{framing}");
        let silent = server(move |mut stream| {
            read_head(&mut stream);
            stream.write_all(head.as_bytes()).unwrap();
            read_to_the_end(&mut stream);
        });
        let refused = refusal(&within(Duration::from_secs(1)), &format!("ws://{silent}/"));
        let detail = refused.detail::<WsRefusal>().unwrap();
        assert_eq!((detail.status, &detail.body[..]), (status, &b"part"[..]), "{framing}");
    }
}

#[test]
fn the_answer_of_a_server_that_accepts_can_be_asked_for() {
    let addr = loopback::telling_heads();
    let (handler, listener) = node::split::<()>();
    let config = WsConnectConfig::default()
        .with_origin("https://example.org")
        .with_basic_auth("Aladdin", "open sesame")
        .with_cookie("a", "1")
        .with_cookie("b", "2");
    let (endpoint, _) = handler.network().connect(config, format!("ws://{addr}/x")).unwrap();
    assert!(handler.network().info::<WsResponse>(endpoint).is_none());
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, is_ready) => {
            assert!(is_ready);
            let response = handler.network().info::<WsResponse>(endpoint).unwrap();
            assert_eq!((response.status, &response.subprotocol), (101, &None));
            assert_eq!(response.headers["x-server"], "here");
        }
        NetEvent::Message(_, head) => {
            let head = String::from_utf8(head.to_vec()).unwrap();
            for line in [
                "Origin: https://example.org",
                "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "Cookie: a=1; b=2",
            ] {
                assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
            }
            handler.stop();
        }
        other => panic!("{other:?}"),
    });
}
