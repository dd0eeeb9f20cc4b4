//! A node that listens for WebSocket clients, and raw sockets that talk to it.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use polywire_core::adapter::Listen;
use polywire_core::endpoint::Endpoint;
use polywire_core::events::EventReceiver;
use polywire_core::network::{NetworkController, StoredNetEvent};
use polywire_core::node::{self, NodeHandler, NodeTask, StoredNodeEvent};
use tungstenite::WebSocket;
use tungstenite::handshake::client::Response;

pub const DEADLINE: Duration = Duration::from_secs(20);

/// A key, and the value that an answer to it must have (RFC 6455 section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Stops when it is dropped.
pub struct Server {
    pub addr: SocketAddr,
    pub handler: NodeHandler<()>,
    events: EventReceiver<StoredNodeEvent<()>>,
    _task: NodeTask,
}

impl Server {
    pub fn new(config: impl Listen) -> Self {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(config, "127.0.0.1:0").unwrap();
        let (task, events) = listener.enqueue();
        Self { addr, handler, events, _task: task }
    }

    pub fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    pub fn next(&mut self) -> StoredNetEvent {
        match self.events.receive_timeout(DEADLINE) {
            Some(StoredNodeEvent::Network(event)) => event,
            other => panic!("{other:?} in place of an event"),
        }
    }

    pub fn accepted(&mut self) -> Endpoint {
        match self.next() {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("{other:?} in place of Accepted"),
        }
    }

    pub fn message(&mut self) -> Vec<u8> {
        match self.next() {
            StoredNetEvent::Message(_, message) => message.to_vec(),
            other => panic!("{other:?} in place of a message"),
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// The whole answer to what closes the connection.
    pub fn ask(&self, request: &str) -> Answered {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        answered(stream)
    }

    /// A WebSocket client whose request has these lines as well.
    pub fn upgrade(
        &self,
        path: &str,
        lines: &[(&'static str, &str)],
    ) -> Result<(WebSocket<TcpStream>, Response), tungstenite::Error> {
        use tungstenite::client::IntoClientRequest;
        let mut request = format!("ws://{}{path}", self.addr).into_client_request().unwrap();
        for (name, value) in lines {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let client = tungstenite::client(request, self.connect());
        client.map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => error,
            tungstenite::HandshakeError::Interrupted(_) => panic!("it does not block"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answered {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answered {
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Reads until the end, which must be a graceful one.
pub fn answered(mut stream: impl Read) -> Answered {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let at = bytes.windows(4).position(|it| it == b"\r\n\r\n").expect("no head");
    let body = bytes.split_off(at + 4);
    Answered { head: String::from_utf8(bytes).unwrap(), body }
}

/// The head of an upgrade with these lines as well.
pub fn upgrade_head(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{lines}\r\n"
    )
}
