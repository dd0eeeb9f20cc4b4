//! Connections through an HTTP proxy.

mod loopback;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use loopback::{
    answering, read_head, read_to_the_end, reason, refusal, server, telling_heads, within,
};
use polywire_core::network::NetEvent;
use polywire_core::{CloseReason, node};
use polywire_ws::{ProxyRefusal, WsConnectConfig, WsRefusal};

/// A proxy that leads every request to `target`, says `answer` byte by byte, and tells what it was asked.
fn proxy_to(target: SocketAddr, answer: &'static str) -> (SocketAddr, Receiver<String>) {
    let (asked, ask) = mpsc::channel();
    let addr = server(move |mut client| {
        asked.send(read_head(&mut client)).unwrap();
        // Nothing more comes before the answer.
        client.set_nonblocking(true).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.set_nonblocking(false).unwrap();
        for byte in answer.as_bytes() {
            client.write_all(&[*byte]).unwrap();
        }
        let server = TcpStream::connect(target).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &server, &mut client);
    });
    (addr, ask)
}

const YES: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn through(proxy: SocketAddr) -> WsConnectConfig {
    WsConnectConfig::default().with_http_proxy(format!("http://user:pass%20word@{proxy}"))
}

/// The head of the request that the server got.
fn head_at_server(config: WsConnectConfig, url: &str) -> String {
    let (handler, listener) = node::split::<()>();
    let (endpoint, _) = handler.network().connect(config, url).unwrap();
    let mut head = String::new();
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, true) => {}
        NetEvent::Message(_, message) => {
            head = String::from_utf8(message.to_vec()).unwrap();
            handler.stop();
        }
        other => panic!("{other:?}: {:?}", handler.network().close_reason(endpoint)),
    });
    head
}

#[test]
fn a_proxy_leads_to_a_server_whose_name_only_the_proxy_knows() {
    for answer in [YES, "HTTP/1.0 200 OK\r\nVia: x\r\nContent-Length: 9\r\n\r\n"] {
        let (proxy, asked) = proxy_to(telling_heads(), answer);
        let head = head_at_server(through(proxy).with_bearer("1"), "ws://server.invalid/room?a");
        assert!(head.starts_with("GET /room?a HTTP/1.1\r\nHost: server.invalid\r\n"), "{head}");
        assert!(!head.contains("Proxy"), "{head}");
        let request = asked.recv().unwrap();
        assert_eq!(
            request,
            "CONNECT server.invalid:80 HTTP/1.1\r\nHost: server.invalid:80\r\n\
             Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n\r\n"
        );
    }
}

#[test]
fn a_redirect_goes_through_the_proxy_as_well() {
    let (last, asked_last) = proxy_to(telling_heads(), YES);
    let to = "HTTP/1.1 302 x\r\nLocation: ws://other.invalid:81/x\r\n\r\n";
    let first = answering(to);
    // The proxy leads to the first server once, and then to the last, by a proxy of its own.
    let (asked, ask) = mpsc::channel();
    let proxy = server(move |mut client| {
        let request = read_head(&mut client);
        let is_first = request.starts_with("CONNECT server.invalid:80 ");
        asked.send(request.clone()).unwrap();
        let mut server = TcpStream::connect(if is_first { first } else { last }).unwrap();
        if is_first {
            client.write_all(YES.as_bytes()).unwrap();
        } else {
            server.write_all(request.as_bytes()).unwrap();
        }
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut from, &mut to));
        let _ = io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    let head = head_at_server(through(proxy).with_max_redirects(1), "ws://server.invalid/");
    assert!(head.starts_with("GET /x HTTP/1.1\r\nHost: other.invalid:81\r\n"), "{head}");
    assert!(ask.recv().unwrap().starts_with("CONNECT server.invalid:80 "));
    assert!(ask.recv().unwrap().starts_with("CONNECT other.invalid:81 "));
    assert!(asked_last.recv().unwrap().contains("Proxy-Authorization: "));
}

#[test]
fn a_proxy_that_refuses_is_told_as_such_and_a_server_behind_one_as_a_server() {
    let proxy = answering(
        "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=a\r\nContent-Length: 3\r\n\r\nwho",
    );
    let refused = refusal(&through(proxy), "ws://server.invalid/");
    let answer = refused.detail::<ProxyRefusal>().unwrap();
    assert_eq!((answer.status, &answer.body[..]), (407, &b"who"[..]));
    assert!(refused.detail::<WsRefusal>().is_none());
    assert!(!format!("{refused:?}{refused}").contains("word"));

    let (proxy, _asked) = proxy_to(answering("HTTP/1.1 401 x\r\n\r\nwho"), YES);
    let refused = refusal(&through(proxy), "ws://server.invalid/");
    assert_eq!(refused.detail::<WsRefusal>().unwrap().status, 401);
    assert!(refused.detail::<ProxyRefusal>().is_none());
}

#[test]
fn a_proxy_that_answers_for_ever_or_never_is_ended() {
    let url = "ws://server.invalid/";
    let endless_head = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"A: b\r\n").is_ok() {}
    });
    let text = refusal(&through(endless_head), url).to_string();
    assert!(text.contains("too long"), "{text}");
    let endless_body = server(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 503 x\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let refused = refusal(&through(endless_body), url);
    assert_eq!(refused.detail::<ProxyRefusal>().unwrap().body.len(), 16 << 10);
    // Silent, at once or after a part of the answer; nothing but the request reaches it.
    for part in ["", "HTTP/1.1 200 O"] {
        let (told, tell) = mpsc::channel();
        let silent = server(move |mut stream| {
            read_head(&mut stream);
            stream.write_all(part.as_bytes()).unwrap();
            let mut more = Vec::new();
            let _ = stream.read_to_end(&mut more);
            told.send(more).unwrap();
        });
        let config = within(Duration::from_millis(300)).with_http_proxy(format!("http://{silent}"));
        assert_eq!(reason(&config, url), CloseReason::HandshakeTimeout);
        assert_eq!(tell.recv_timeout(loopback::PATIENCE).unwrap(), b"");
    }
}

/// A proxy that says `answer`, which has no end, and then nothing more.
fn unfinished(answer: &'static str) -> SocketAddr {
    server(move |mut stream| {
        read_head(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        read_to_the_end(&mut stream);
    })
}

#[test]
fn a_refusal_of_a_proxy_is_told_though_its_body_never_ends() {
    let mut urls = vec!["ws://server.invalid/"];
    if cfg!(feature = "__tls") {
        urls.push("wss://server.invalid/");
    }
    for answer in [
        "HTTP/1.1 407 x\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 407 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 407 x\r\n\r\nhalf",
    ] {
        let proxy = unfinished(answer);
        let config = within(Duration::from_millis(500)).with_http_proxy(format!("http://{proxy}"));
        for url in &urls {
            let refused = refusal(&config, url);
            let answer = refused.detail::<ProxyRefusal>().unwrap();
            assert_eq!((answer.status, &answer.body[..]), (407, &b"half"[..]), "{url}");
        }
    }
}

#[test]
fn it_is_told_inside_the_callback_as_well() {
    let proxy = unfinished("HTTP/1.1 407 x\r\n\r\nhalf");
    let config = within(Duration::from_millis(500)).with_http_proxy(format!("http://{proxy}"));
    let (handler, listener) = node::split::<()>();
    handler.signals().send(());
    listener.for_each(|_| {
        let error = handler.network().connect_sync(config.clone(), "ws://server.invalid/");
        let error = error.unwrap_err();
        let Some(CloseReason::HandshakeRefused(refused)) = CloseReason::of(&error) else {
            panic!("{error}");
        };
        assert_eq!(refused.detail::<ProxyRefusal>().unwrap().status, 407);
        handler.stop();
    });
}

#[test]
fn a_proxy_may_be_missing_and_what_is_none_opens_no_socket() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(reason(&through(nobody), "ws://server.invalid/"), CloseReason::Refused);
    let (handler, _listener) = node::split::<()>();
    let config = WsConnectConfig::default().with_http_proxy("socks5://user:secret@proxy");
    let error = handler.network().connect(config, "ws://127.0.0.1:9/").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_tunnel_can_be_opened_inside_the_callback() {
    let (proxy, _asked) = proxy_to(telling_heads(), YES);
    let (handler, listener) = node::split::<()>();
    handler.signals().send(());
    listener.for_each(|event| match event {
        node::NodeEvent::Signal(()) => {
            let network = handler.network();
            network.connect_sync(through(proxy), "ws://server.invalid/").unwrap();
        }
        node::NodeEvent::Network(NetEvent::Message(..)) => handler.stop(),
        node::NodeEvent::Network(_) => {}
    });
    let silent = server(|mut stream| read_to_the_end(&mut stream));
    let config = within(Duration::from_millis(200)).with_http_proxy(format!("http://{silent}"));
    assert_eq!(reason(&config, "ws://server.invalid/"), CloseReason::HandshakeTimeout);
}
