//! Close frames with codes and reasons, and pings, as both sides see them.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::adapters::ws::{Close, Ping, RoundTrip, WsConnectConfig, WsListenConfig};
use polywire::network::{CloseReason, MessageKind, NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::ours::{Client, Reason};
use crate::peer::Peer;
use crate::report::Report;
use crate::site::SUBPROTOCOL;
use crate::websocket::Language;
use crate::{DEADLINE, Result, expect};

/// Codes that a program may give; the last ones are private.
const CODES: [u16; 6] = [1000, 1001, 1011, 1013, 3000, 4999];
const REASON: &str = "grüezi";

pub fn run(report: &mut Report, language: Language, program: &OsStr) {
    let command = |role: &str| {
        let mut command = Command::new(program);
        command.arg(language.script("ws_close")).arg(role);
        command
    };
    let peer = language.peer();
    report.check(peer, "server", "close codes both ways, our ping", || {
        let server = ClosingServer::start()?;
        let mut client = command("client");
        client
            .args([format!("ws://{}", server.addr), CODES.map(|code| code.to_string()).join(",")]);
        let client = Peer::start(client.arg(REASON))?;
        for code in CODES {
            expect(&format!("{code} {REASON}"), &client.wait_for("closed by the server: ")?)?;
            expect_code(&server.next_end()?, code, false)?;
        }
        for code in CODES {
            expect_code(&server.next_end()?, code, true)?;
        }
        client.wait_for("pinged")?;
        Ok(())
    });
    report.check(peer, "client", "close codes both ways, our ping", || {
        let server = Peer::start(&mut command("server"))?;
        let url = format!("ws://127.0.0.1:{}", server.wait_for("port ")?);
        for code in CODES {
            let client = connect(&url)?;
            client.say(MessageKind::TEXT, format!("close {code} {REASON}").as_bytes())?;
            expect_code(&client.wait_for_end()?, code, true)?;
            let client = connect(&url)?;
            ping(&client)?;
            client.control(Close::new(code, REASON)?);
            expect(&format!("{code} {REASON}"), &server.wait_for("closed by the client: ")?)?;
            expect_code(&client.wait_for_end()?, code, false)?;
        }
        Ok(())
    });
}

fn connect(url: &str) -> Result<Client> {
    Ok(Client::connect_by(WsConnectConfig::default(), Transport::Ws, url)?.0)
}

/// Waits for the answer, of which no event tells.
fn ping(client: &Client) -> Result {
    client.control(Ping::new(*b"are you there")?);
    let started = Instant::now();
    while client.info::<RoundTrip>().is_none() {
        if started.elapsed() > DEADLINE {
            return Err("no pong".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn expect_code(reason: &Reason, expected: u16, by_peer: bool) -> Result {
    match reason {
        Some(CloseReason::PeerClosedWith { code, text })
            if by_peer && *code == expected && **text == *REASON =>
        {
            Ok(())
        }
        Some(CloseReason::ClosedWith { code, text })
            if !by_peer && *code == expected && **text == *REASON =>
        {
            Ok(())
        }
        other => Err(format!("ended by {other:?} instead of code {expected}").into()),
    }
}

/// Closes by the code and with the reason that a message tells, and pings all who connect.
pub struct ClosingServer {
    pub addr: SocketAddr,
    ends: mpsc::Receiver<Reason>,
    handler: NodeHandler<()>,
    _task: NodeTask,
}

impl ClosingServer {
    pub fn start() -> Result<Self> {
        let (handler, listener) = node::split();
        let config = WsListenConfig::default().with_subprotocol(SUBPROTOCOL);
        let (_, addr) = handler.network().listen(config, "127.0.0.1:0")?;
        let (ended, ends) = mpsc::channel();
        let inside = handler.clone();
        let task = listener.for_each_async(move |event| {
            let NodeEvent::Network(event) = event else { return };
            let network = inside.network();
            match event {
                NetEvent::Accepted(client, _) => {
                    network.control(client.resource_id(), Ping::new(*b"ping").expect("short"));
                }
                NetEvent::Message(client, message) => {
                    if let Some(close) = close_in(message) {
                        network.control(client.resource_id(), close);
                    }
                }
                NetEvent::Disconnected(client) => {
                    let _ = ended.send(network.close_reason(client));
                }
                NetEvent::Connected(..) => {}
            }
        });
        Ok(Self { addr, ends, handler, _task: task })
    }

    fn next_end(&self) -> Result<Reason> {
        Ok(self.ends.recv_timeout(DEADLINE).map_err(|_| "the client's end was not seen")?)
    }
}

impl Drop for ClosingServer {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// `close CODE REASON`
fn close_in(message: &[u8]) -> Option<Close> {
    let words = std::str::from_utf8(message).ok()?.strip_prefix("close ")?;
    let (code, reason) = words.split_once(' ')?;
    Close::new(code.parse().ok()?, reason).ok()
}
