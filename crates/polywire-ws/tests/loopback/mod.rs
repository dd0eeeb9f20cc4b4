//! Servers and proxies of a few lines, over sockets of the loopback.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use polywire_core::{CloseReason, Limits, Refusal, node};
use polywire_ws::WsConnectConfig;
use tungstenite::handshake::derive_accept_key;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `serve` for each connection, on a thread of its own.
pub fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), serve.clone());
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// Reads a head, and not a byte behind it.
pub fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            break;
        }
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// A server that says `answer` to each request and closes.
pub fn answering(answer: impl Into<String>) -> SocketAddr {
    let answer = answer.into();
    server(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// Accepts the connection that `request` asks for.
pub fn accept(stream: &mut TcpStream, request: &str) {
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap().lines().next().unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         X-Server: here\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
}

/// A server that accepts, says the head of the request as a message, and reads until the end.
pub fn telling_heads() -> SocketAddr {
    server(|mut stream| {
        let request = read_head(&mut stream);
        accept(&mut stream, &request);
        let len = u16::try_from(request.len()).unwrap().to_be_bytes();
        let frame = [&[0x82, 126][..], &len, request.as_bytes()].concat();
        stream.write_all(&frame).unwrap();
        read_to_the_end(&mut stream);
    })
}

pub fn read_to_the_end(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|len| len > 0) {}
}

/// A configuration of which the handshake may take so long.
pub fn within(timeout: Duration) -> WsConnectConfig {
    WsConnectConfig::default().with_limits(Limits::default().with_handshake_timeout(timeout))
}

/// Why `connect_sync` fails.
pub fn reason(config: &WsConnectConfig, url: &str) -> CloseReason {
    let (handler, _listener) = node::split::<()>();
    let error = handler.network().connect_sync(config.clone(), url).unwrap_err();
    CloseReason::of(&error).unwrap_or_else(|| panic!("{error}")).clone()
}

/// The refusal that `connect_sync` fails with.
pub fn refusal(config: &WsConnectConfig, url: &str) -> Refusal {
    match reason(config, url) {
        CloseReason::HandshakeRefused(refusal) => refusal,
        reason => panic!("{reason:?}"),
    }
}
