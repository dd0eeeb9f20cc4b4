//! Redirects: one connection for the program, several for the network.

mod loopback;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use loopback::{answering, read_head, reason, refusal, server, telling_heads, within};
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node;
use polywire_core::reconnect::{Backoff, Reconnecting};
use polywire_core::{CloseReason, ResourceId};
use polywire_ws::{RedirectError, WsConnectConfig, WsRefusal};

/// A server that sends everybody to `location`.
fn redirecting(status: u16, location: &str) -> SocketAddr {
    answering(format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\n\r\n"))
}

/// A chain of redirects by each status, the last of them to `addr` by the name of this machine.
fn chain_to(addr: SocketAddr) -> SocketAddr {
    let last = redirecting(308, &format!("http://localhost:{}/last?x", addr.port()));
    [307, 303, 302, 301]
        .iter()
        .fold(last, |next, status| redirecting(*status, &format!("//{next}")))
}

fn following() -> WsConnectConfig {
    WsConnectConfig::default().with_max_redirects(5)
}

#[test]
fn the_program_sees_one_connection_and_what_it_sent_goes_to_the_last_server() {
    let last = server(|mut stream| {
        let request = read_head(&mut stream);
        assert!(request.starts_with("GET /last?x HTTP/1.1\r\n"), "{request}");
        let port = stream.local_addr().unwrap().port();
        assert!(request.contains(&format!("\r\nHost: localhost:{port}\r\n")), "{request}");
        loopback::accept(&mut stream, &request);
        // A frame of two bytes, masked.
        let mut frame = [0; 8];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!(frame[..2], [0x82, 0x82]);
        stream.write_all(&[0x82, 2, frame[6] ^ frame[2], frame[7] ^ frame[3]]).unwrap();
        loopback::read_to_the_end(&mut stream);
    });
    let first = chain_to(last);
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let (endpoint, _) = network.connect(following(), format!("ws://{first}/")).unwrap();
    network.send(endpoint, b"hi");
    let mut events = Vec::new();
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(ready, true) => {
            assert_eq!((ready.resource_id(), ready.addr()), (endpoint.resource_id(), last));
            events.push("connected");
        }
        NetEvent::Message(from, b"hi") => {
            assert_eq!(from.resource_id(), endpoint.resource_id());
            events.push("message");
            handler.stop();
        }
        other => panic!("{other:?}: {:?}", network.close_reason(endpoint)),
    });
    assert_eq!(events, ["connected", "message"]);
}

#[test]
fn the_endpoint_that_connect_has_given_sends_when_connected_to_another_server_or_the_same() {
    let echo = || {
        server(|mut stream| {
            let request = read_head(&mut stream);
            if request.starts_with("GET /moved ") {
                let answer = b"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).unwrap();
                return;
            }
            loopback::accept(&mut stream, &request);
            let mut frame = [0; 8];
            stream.read_exact(&mut frame).unwrap();
            stream.write_all(&[0x82, 2, frame[6] ^ frame[2], frame[7] ^ frame[3]]).unwrap();
            loopback::read_to_the_end(&mut stream);
        })
    };
    for url in [
        format!("ws://{}/moved", echo()),
        format!("ws://{}/", redirecting(302, &format!("ws://{}/", echo()))),
    ] {
        let (handler, listener) = node::split::<()>();
        let network = handler.network();
        let (endpoint, _) = network.connect(following(), &*url).unwrap();
        let (told, messages) = std::sync::mpsc::channel();
        let inner = handler.clone();
        let _task = listener.for_each_async(move |event| match event.network() {
            NetEvent::Connected(_, is_connected) => told.send(is_connected).unwrap(),
            NetEvent::Message(_, b"hi") => told.send(true).unwrap(),
            other => panic!("{other:?}: {:?}", inner.network().close_reason(endpoint)),
        });
        assert!(messages.recv_timeout(loopback::PATIENCE).unwrap());
        assert_eq!(network.send(endpoint, b"hi"), SendStatus::Sent, "{url}");
        assert!(messages.recv_timeout(loopback::PATIENCE).unwrap());
        handler.stop();
    }
}

#[test]
fn it_works_for_who_waits_inside_the_callback_and_where_another_thread_runs_the_loop() {
    let url = format!("ws://{}/", chain_to(telling_heads()));
    // Nobody runs the loop.
    let (handler, listener) = node::split::<()>();
    handler.network().connect_sync(following(), url.as_str()).unwrap();
    // Another thread does.
    let inner = handler.clone();
    handler.signals().send(());
    let again = url.clone();
    let mut in_callback = None::<ResourceId>;
    let (told, tell) = std::sync::mpsc::channel();
    let _task = listener.for_each_async(move |event| match event {
        node::NodeEvent::Signal(()) => {
            let (endpoint, _) = inner.network().connect_sync(following(), again.as_str()).unwrap();
            in_callback = Some(endpoint.resource_id());
        }
        node::NodeEvent::Network(NetEvent::Message(from, _)) => {
            if Some(from.resource_id()) == in_callback {
                told.send(()).unwrap();
            }
        }
        node::NodeEvent::Network(_) => {}
    });
    handler.network().connect_sync(following(), url.as_str()).unwrap();
    tell.recv_timeout(loopback::PATIENCE).unwrap();
    handler.stop();
}

#[test]
fn each_attempt_to_connect_again_begins_at_the_first_address() {
    let last = server(|mut stream| {
        let request = read_head(&mut stream);
        loopback::accept(&mut stream, &request); // And closes.
    });
    let first = redirecting(302, &format!("ws://{last}/"));
    let backoff = Backoff::default().with_first_delay(Duration::from_millis(1)).with_jitter(0.0);
    let (handler, listener) = node::split::<()>();
    let config = Reconnecting::new(following()).with_backoff(backoff);
    let (endpoint, _) = handler.network().connect(config, format!("ws://{first}/")).unwrap();
    let mut events = Vec::new();
    listener.for_each(|event| {
        match event.network() {
            NetEvent::Connected(ready, is_ready) => {
                assert_eq!(ready.resource_id(), endpoint.resource_id());
                events.push(is_ready);
            }
            NetEvent::Disconnected(_) => {}
            other => panic!("{other:?}"),
        }
        if events.len() == 3 {
            handler.stop();
        }
    });
    assert_eq!(events, [true; 3]);
}

#[test]
fn redirects_end_with_a_reason_that_says_why() {
    let why = |config: &WsConnectConfig, addr: SocketAddr| {
        let refusal = refusal(config, &format!("ws://{addr}/"));
        (refusal.detail::<WsRefusal>().unwrap().redirect.unwrap(), refusal.text().to_owned())
    };
    // Round and round.
    let circle = server(|mut stream| {
        let request = read_head(&mut stream);
        let to = if request.starts_with("GET /a ") { "/b" } else { "/a" };
        let _ = write!(stream, "HTTP/1.1 302 x\r\nLocation: {to}\r\n\r\n");
    });
    let (error, text) = why(&following(), circle);
    assert_eq!(error, RedirectError::Loop);
    assert!(text.contains("circle") && text.contains("'/a'"), "{text}");
    // On and on.
    let endless = server(|mut stream| {
        let request = read_head(&mut stream);
        let path = request.split(' ').nth(1).unwrap();
        let _ = write!(stream, "HTTP/1.1 302 x\r\nLocation: {path}x\r\n\r\n");
    });
    let (error, text) = why(&following(), endless);
    assert_eq!(error, RedirectError::TooMany);
    assert!(text.contains("'/xxxxxx'"), "{text}");
    let chain = chain_to(telling_heads());
    assert_eq!(why(&following().with_max_redirects(4), chain).0, RedirectError::TooMany);
    assert_eq!(why(&WsConnectConfig::default(), chain).0, RedirectError::NotAsked);
}

#[test]
fn the_body_of_a_redirect_that_is_followed_may_be_endless() {
    let last = telling_heads();
    let endless = server(move |mut stream| {
        read_head(&mut stream);
        let head = format!("HTTP/1.1 302 x\r\nLocation: ws://{last}/\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let (handler, _listener) = node::split::<()>();
    handler.network().connect_sync(following(), format!("ws://{endless}/")).unwrap();
}

#[test]
fn whom_a_redirect_names_may_be_missing_or_silent() {
    let url = |location: &str| format!("ws://{}/", redirecting(302, location));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(reason(&following(), &url(&format!("ws://{nobody}/"))), CloseReason::Refused);
    let unknown = reason(&following(), &url("ws://name.invalid/"));
    assert!(matches!(unknown, CloseReason::Unresolved(_)), "{unknown:?}");
    let silent = server(|mut stream| loopback::read_to_the_end(&mut stream));
    let config = within(Duration::from_millis(300)).with_max_redirects(1);
    let late = reason(&config, &url(&format!("ws://{silent}/")));
    assert_eq!(late, CloseReason::HandshakeTimeout);
}

#[test]
fn credentials_go_to_their_own_server_alone() {
    let config = || {
        following()
            .with_cookie("session", "secret")
            .with_header("X-Api-Key", "secret")
            .with_header("User-Agent", "polywire")
            .with_origin("https://example.org")
    };
    let other = telling_heads();
    // First to another path of the same server, and from there to the other one.
    let first = server(move |mut stream| {
        let request = read_head(&mut stream);
        assert_eq!(request.matches("secret").count(), 2, "{request}");
        assert!(request.contains("Authorization: "), "{request}");
        let to = match request.starts_with("GET /same ") {
            true => format!("http://{other}/"),
            false => "same".into(),
        };
        let _ = write!(stream, "HTTP/1.1 302 x\r\nLocation: {to}\r\n\r\n");
    });
    for config in [config().with_bearer("token"), config().with_basic_auth("user", "password")] {
        let (handler, listener) = node::split::<()>();
        handler.network().connect(config, format!("ws://{first}/")).unwrap();
        listener.for_each(|event| match event.network() {
            NetEvent::Connected(_, is_ready) => assert!(is_ready),
            NetEvent::Message(_, head) => {
                let head = String::from_utf8(head.to_vec()).unwrap();
                for word in ["secret", "Authorization", "Cookie", "X-Api-Key"] {
                    assert!(!head.contains(word), "{head}");
                }
                assert!(head.contains("User-Agent: polywire\r\n"), "{head}");
                assert!(head.contains("Origin: https://example.org\r\n"), "{head}");
                handler.stop();
            }
            other => panic!("{other:?}"),
        });
    }
}

#[test]
fn an_endpoint_that_is_removed_or_stopped_while_it_is_sent_elsewhere_is_gone() {
    for is_removed in [true, false] {
        let (handler, listener) = node::split::<()>();
        let silent = server(|mut stream| loopback::read_to_the_end(&mut stream));
        let (asked, ask) = std::sync::mpsc::channel();
        let first = server(move |mut stream| {
            read_head(&mut stream);
            let _ = write!(stream, "HTTP/1.1 302 x\r\nLocation: ws://{silent}/\r\n\r\n");
            // The other side has closed, and so turned to the next.
            loopback::read_to_the_end(&mut stream);
            asked.send(()).unwrap();
        });
        let url = format!("ws://{first}/");
        let (endpoint, _) = handler.network().connect(following(), url).unwrap();
        let task = listener.for_each_async(|event| panic!("{:?}", event.network()));
        ask.recv_timeout(loopback::PATIENCE).unwrap();
        let mut reason = CloseReason::NodeStopped;
        if is_removed {
            assert!(handler.network().remove(endpoint.resource_id()));
            reason = CloseReason::Removed;
        }
        handler.stop();
        drop(task); // Waits for the end.
        assert_eq!(handler.network().close_reason(endpoint), Some(reason));
    }
}

#[test]
#[cfg(feature = "__tls")]
fn from_clear_text_a_redirect_may_lead_to_tls() {
    let (greeted, greeting) = std::sync::mpsc::channel();
    let secure = server(move |mut stream| {
        let mut first = [0; 3];
        stream.read_exact(&mut first).unwrap();
        greeted.send(first[..2].to_vec()).unwrap();
    });
    let first = redirecting(301, &format!("https://{secure}/"));
    let reason = reason(&following(), &format!("ws://{first}/"));
    assert!(!matches!(reason, CloseReason::HandshakeRefused(_)), "{reason:?}");
    let handshake_record = [22, 3];
    assert_eq!(greeting.recv_timeout(loopback::PATIENCE).unwrap(), handshake_record);
}
