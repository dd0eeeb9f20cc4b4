//! The program answers requests, in a node over real sockets.

mod served;

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use polywire_core::Limits;
use polywire_ws::{Accept, Answer, Response, Routes, WsListenConfig, WsRequest};
use served::{ACCEPT, Server, answered, upgrade_head};
use tungstenite::Message;

#[derive(Debug, PartialEq)]
struct User(String);

fn greeting(request: &WsRequest) -> Answer {
    if !request.is_upgrade() {
        return Response::html(200, format!("<h1>{}</h1>", request.path())).into();
    }
    match request.cookie("user") {
        Some("nobody") => {
            Response::text(401, "who?").with_header("WWW-Authenticate", "Basic").into()
        }
        Some(user) => Accept::new().with_value(User(user.to_owned())).into(),
        None => Accept::new().into(),
    }
}

#[test]
fn a_request_is_accepted_with_a_value_and_a_subprotocol() {
    let mut server =
        Server::new(WsListenConfig::default().with_on_request(|request: &WsRequest| {
            assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
            Accept::new()
                .with_subprotocol(request.subprotocols().last().unwrap())
                .with_header("X-Room", "1")
                .with_value(User("alice".into()))
        }));
    let lines = [("Sec-WebSocket-Protocol", "a, b, c")];
    let (mut client, response) = server.upgrade("/chat?room=1", &lines).unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "c");
    assert_eq!(response.headers()["x-room"], "1");
    let endpoint = server.accepted();
    let network = server.network();
    assert_eq!(*network.info::<User>(endpoint).unwrap(), User("alice".into()));
    let request = network.info::<WsRequest>(endpoint).unwrap();
    assert_eq!((request.path(), request.subprotocol()), ("/chat", Some("c")));
    assert_eq!(request.resource_id(), endpoint.resource_id());
    assert_eq!(request.peer_addr(), Some(client.get_ref().local_addr().unwrap()));
    assert!(network.info::<String>(endpoint).is_none());

    client.send(Message::binary(b"hello".to_vec())).unwrap();
    assert_eq!(server.message(), b"hello");
    server.network().send(endpoint, b"hi");
    assert_eq!(client.read().unwrap(), Message::binary(b"hi".to_vec()));
}

#[test]
fn a_request_is_refused_with_status_headers_and_body() {
    let server = Server::new(WsListenConfig::default().with_on_request(greeting));
    let Err(tungstenite::Error::Http(response)) = server.upgrade("/", &[("Cookie", "user=nobody")])
    else {
        panic!("accepted")
    };
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Basic");
    assert_eq!(response.body().as_deref(), Some(&b"who?"[..]));
    let stats = server.network().stats();
    assert_eq!((stats.refused, stats.answered), (1, 0));
}

#[test]
fn an_ordinary_request_gets_a_page_and_is_no_failed_handshake() {
    let server = Server::new(WsListenConfig::default().with_on_request(greeting));
    let page = server.ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((page.status(), page.text()), ("200", "<h1>/hello</h1>"));
    assert_eq!(page.header("Content-Length"), Some("15"));
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("Connection"), Some("close"));
    assert!(page.header("Date").is_some_and(|date| date.ends_with(" GMT")), "{}", page.head);
    let head = server.ask("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((head.status(), head.text()), ("200", ""));
    assert_eq!(head.header("Content-Length"), Some("15"));
    let old = server.ask("GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!((old.status(), old.text()), ("200", "<h1>/hello</h1>"));
    let stats = server.network().stats();
    assert_eq!((stats.refused, stats.answered), (0, 3));
}

#[test]
fn an_answer_that_comes_later_accepts_or_refuses() {
    let (sender, asked) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let mut server =
        Server::new(WsListenConfig::default().with_on_request(move |request: &WsRequest| {
            sender.lock().unwrap().send(request.clone()).unwrap();
            Answer::Later
        }));
    // What must not be sent yet waits.
    let mut early = server.connect();
    let frame = [0x82, 0x85, 0, 0, 0, 0, b'e', b'a', b'r', b'l', b'y'];
    early.write_all(&[upgrade_head("/", "").as_bytes(), &frame].concat()).unwrap();
    let request = asked.recv_timeout(served::DEADLINE).unwrap();
    let accept = Accept::new().with_value(User("bob".into()));
    assert!(server.network().control(request.resource_id(), accept));
    let endpoint = server.accepted();
    assert_eq!(endpoint.resource_id(), request.resource_id());
    assert_eq!(server.message(), b"early");
    assert_eq!(*server.network().info::<User>(endpoint).unwrap(), User("bob".into()));
    let mut answer = [0; 129];
    early.read_exact(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer).contains(ACCEPT));

    let mut refused = server.connect();
    refused.write_all(upgrade_head("/", "").as_bytes()).unwrap();
    let request = asked.recv_timeout(served::DEADLINE).unwrap();
    let answer = Answer::from(Response::text(403, "no"));
    assert!(server.network().control(request.resource_id(), answer));
    let answer = answered(refused);
    assert_eq!((answer.status(), answer.text()), ("403", "no"));
    assert!(!server.network().control(request.resource_id(), Accept::new()), "it is over");

    let mut page = server.connect();
    page.write_all(b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let request = asked.recv_timeout(served::DEADLINE).unwrap();
    assert!(server.network().control(request.resource_id(), Response::text(200, request.path())));
    assert_eq!(answered(page).text(), "/page");
    let stats = server.network().stats();
    assert_eq!((stats.refused, stats.answered), (1, 1));

    // One that is removed in the place of an answer.
    let mut removed = server.connect();
    removed.write_all(upgrade_head("/", "").as_bytes()).unwrap();
    let request = asked.recv_timeout(served::DEADLINE).unwrap();
    assert!(server.network().remove(request.resource_id()));
    assert_eq!(answered(removed).status(), "503");
}

#[test]
fn a_later_answer_that_never_comes_is_http_503() {
    let limits = Limits::default().with_handshake_timeout(Duration::from_millis(50));
    let config = WsListenConfig::default().with_limits(limits);
    let server = Server::new(config.with_on_request(|_: &WsRequest| Answer::Later));
    assert_eq!(server.ask(&upgrade_head("/", "")).status(), "503");
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status(), "503");
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost").status(), "408");
    let without_body = server.ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((without_body.status(), without_body.text()), ("503", ""));
}

#[test]
fn routes_have_parameters_and_everything_else_is_404() {
    let routes = Routes::new()
        .with("/rooms/{room}", |request| {
            Accept::new().with_value(User(request.param("room").unwrap().to_owned()))
        })
        .with("/health", |_| Response::new(204));
    let mut server = Server::new(WsListenConfig::default().with_routes(routes));
    let (_client, _) = server.upgrade("/rooms/a%20b?x", &[]).unwrap();
    let endpoint = server.accepted();
    assert_eq!(*server.network().info::<User>(endpoint).unwrap(), User("a b".into()));
    let request = server.network().info::<WsRequest>(endpoint).unwrap();
    assert_eq!(request.param("room"), Some("a b"));
    let health = server.ask("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((health.status(), health.text()), ("204", ""));
    assert_eq!(health.header("Content-Length"), None);
    assert_eq!(server.ask("GET /rooms/ HTTP/1.1\r\nHost: h\r\n\r\n").status(), "404");
    assert_eq!(server.ask(&upgrade_head("/rooms/..", "")).status(), "404");
    let page = server.ask("GET /rooms/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((page.status(), page.header("Upgrade")), ("426", Some("websocket")));
    // RFC 9110 section 7.8: who sends `Upgrade` names it as an option of this connection.
    assert_eq!(page.header("Connection"), Some("close, Upgrade"));
    assert_eq!(health.header("Connection"), Some("close"));
}

/// A page that is longer than what the system keeps for a connection.
fn long_page() -> (Vec<u8>, Response) {
    let body: Vec<u8> =
        (0..10 << 20).map(|at: u32| at.to_le_bytes()[usize::from(at % 3 == 0)]).collect();
    (body.clone(), Response::new(200).with_content_type("text/plain").with_body(body))
}

/// Reads an answer with a pause behind each piece.
struct Slowly(std::net::TcpStream, usize, Duration);

impl Read for Slowly {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(buffer.len());
        std::thread::sleep(self.2);
        self.0.read(&mut buffer[..len])
    }
}

#[test]
fn a_long_page_reaches_a_slow_reader_whole() {
    let (body, page) = long_page();
    let limits = Limits::default().with_linger(Duration::from_millis(50));
    let config = WsListenConfig::default().with_limits(limits);
    let server = Server::new(config.with_on_request(move |_: &WsRequest| page.clone()));
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let page = answered(Slowly(stream, 128 << 10, Duration::from_millis(10)));
    assert!(page.body == body, "{} bytes of {}", page.body.len(), body.len());
    assert_eq!(server.network().stats().answered, 1);
}

#[test]
fn a_reader_that_takes_nothing_of_a_long_page_is_cut_off() {
    let (_, page) = long_page();
    let limits = Limits::default()
        .with_linger(Duration::from_millis(50))
        .with_stall_timeout(Duration::from_millis(50));
    let config = WsListenConfig::default().with_limits(limits);
    let server = Server::new(config.with_on_request(move |_: &WsRequest| page.clone()));
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let start = std::time::Instant::now();
    loop {
        let stats = server.network().stats();
        if (stats.answered, stats.endpoints, stats.queued_bytes) == (1, 1, 0) {
            break;
        }
        assert!(start.elapsed() < served::DEADLINE, "{stats:?}");
        std::thread::yield_now();
    }
}

#[test]
fn pages_of_other_origins_may_not_connect() {
    let config = WsListenConfig::default()
        .with_allowed_origins(["https://example.org", "http://localhost:8080"]);
    let server = Server::new(config);
    for (lines, status) in [
        ("Origin: https://example.org\r\n", "101"),
        ("Origin: HTTPS://Example.Org:443\r\n", "101"),
        ("Origin: http://localhost:8080\r\n", "101"),
        ("", "101"), // No browser.
        ("Origin: https://evil.com\r\n", "403"),
        ("Origin: http://example.org\r\n", "403"),
        ("Origin: https://example.org.evil.com\r\n", "403"),
        ("Origin: null\r\n", "403"),
        ("Origin:\r\n", "403"),
        ("Origin: https://example.org\r\nOrigin: https://evil.com\r\n", "403"),
    ] {
        let mut stream = server.connect();
        stream.write_all(upgrade_head("/", lines).as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start[9..], status.as_bytes(), "{lines}");
    }
    let error = WsListenConfig::default().with_allowed_origins(["example.org"]);
    let (handler, _listener) = polywire_core::node::split::<()>();
    let error = handler.network().listen(error, "127.0.0.1:0").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn who_has_no_good_token_is_told_so() {
    let config = WsListenConfig::default().with_on_request(greeting);
    let server = Server::new(config.with_bearer_tokens(|token| token == "good"));
    let page = |lines| server.ask(&format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
    for (lines, status, challenge) in [
        ("Authorization: Bearer good\r\n", "200", None),
        ("", "401", Some("Bearer")),
        ("Authorization: Basic Og==\r\n", "401", Some("Bearer")),
        ("Authorization: Bearer bad\r\n", "401", Some("Bearer error=\"invalid_token\"")),
    ] {
        let answer = page(lines);
        assert_eq!(answer.status(), status, "{lines}");
        assert_eq!(answer.header("WWW-Authenticate"), challenge, "{lines}");
    }
    assert!(server.upgrade("/", &[("Authorization", "Bearer good")]).is_ok());
    assert!(server.upgrade("/", &[]).is_err());
}

#[test]
fn a_hook_that_panics_or_errs_costs_its_own_connection() {
    let server = Server::new(WsListenConfig::default().with_on_request(|request: &WsRequest| {
        let accept = Accept::new();
        Answer::from(match request.path() {
            "/panic" => panic!("the hook of this test panics"),
            "/header" => accept.with_header("X", "a\r\nSet-Cookie: b"),
            "/own" => accept.with_header("Sec-WebSocket-Accept", "x"),
            "/subprotocol" => accept.with_subprotocol("unasked"),
            "/status" => return Response::new(101).into(),
            "/response" => return Response::new(200).with_header("Content-Length", "5").into(),
            _ => accept,
        })
    }));
    for path in ["/panic", "/header", "/own", "/subprotocol", "/status", "/response"] {
        let answer = server.ask(&upgrade_head(path, ""));
        assert_eq!((answer.status(), answer.text()), ("500", "the server is at fault\n"), "{path}");
        assert!(!answer.head.contains("Set-Cookie"), "{path}");
    }
    assert!(server.upgrade("/", &[]).is_ok());
}

#[test]
fn a_node_that_stops_says_so_with_its_own_code() {
    let mut server = Server::new(WsListenConfig::default().with_stop_code(1012));
    let (mut client, _) = server.upgrade("/", &[]).unwrap();
    server.accepted();
    server.handler.stop();
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no Close") };
    assert_eq!(u16::from(frame.code), 1012);

    let (handler, _listener) = polywire_core::node::split::<()>();
    for code in [0, 1005, 1006, 1015, 2000, 5000] {
        let config = WsListenConfig::default().with_stop_code(code);
        assert!(handler.network().listen(config, "127.0.0.1:0").is_err(), "{code}");
    }
}

#[test]
fn answers_have_what_their_status_asks_for() {
    let server = Server::new(WsListenConfig::default().with_on_request(|request: &WsRequest| {
        let status = request.path()[1..].parse().unwrap();
        Response::new(status).with_header("X-Status", request.path()).with_body("body")
    }));
    for (status, length, body) in [
        ("200", Some("4"), "body"),
        ("204", None, ""),
        ("205", Some("0"), ""),
        ("304", None, ""),
        ("404", Some("4"), "body"),
        ("426", Some("4"), "body"),
        ("599", Some("4"), "body"),
    ] {
        let answer = server.ask(&format!("GET /{status} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!((answer.status(), answer.text()), (status, body));
        assert_eq!(answer.header("Content-Length"), length, "{status}");
        assert_eq!(answer.header("X-Status"), Some(&*format!("/{status}")));
        let media_type = (!body.is_empty()).then_some("application/octet-stream");
        assert_eq!(answer.header("Content-Type"), media_type, "{status}");
    }
}
