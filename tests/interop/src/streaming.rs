//! One message of a gibibyte, in fragments, each way: what it takes of our memory does not depend on its length.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use polywire::adapters::ws::{
    BINARY_START, CONTINUATION, CONTINUATION_END, WsConnectConfig, WsListenConfig,
};
use polywire::network::{MessageKind, NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::ours::Client;
use crate::peer::Peer;
use crate::report::Report;
use crate::websocket::Language;
use crate::{Result, expect};

const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = (1 << 30) / PIECE_BYTES;
/// What ours may take while the message passes: sockets' buffers aside, a few pieces and the outbox.
const MAX_GROWTH_KIB: usize = 32 << 10;

pub fn run(report: &mut Report, language: Language, program: &OsStr) {
    let command = |role: &str| {
        let mut command = Command::new(program);
        command.arg(language.script("ws_stream")).arg(role);
        command
    };
    report.check(language.peer(), "server", "1 GiB in fragments", || {
        let server = CountingServer::start()?;
        let url = format!("ws://{}", server.addr);
        constant_memory(|| {
            let mut client = command("client");
            client.args([url, PIECES.to_string(), PIECE_BYTES.to_string()]);
            let counted = Peer::start(&mut client)?.wait_for_long("counted ")?;
            expect(&(PIECES * PIECE_BYTES).to_string(), &counted)
        })
    });
    report.check(language.peer(), "client", "1 GiB in fragments", || {
        let server = Peer::start(&mut command("server"))?;
        let url = format!("ws://127.0.0.1:{}", server.wait_for("port ")?);
        let config = WsConnectConfig::default().with_fragments(true);
        let mut client = Client::connect_by(config, Transport::Ws, &url)?.0;
        constant_memory(|| {
            let piece = vec![7; PIECE_BYTES];
            client.say(BINARY_START, &piece)?;
            for _ in 2..PIECES {
                client.say(CONTINUATION, &piece)?;
            }
            client.say(CONTINUATION_END, &piece)?;
            expect(&(PIECES * PIECE_BYTES).to_string(), &client.next_text()?)
        })
    });
}

/// Fails if this program's memory was ever much more during `work` than before.
fn constant_memory(work: impl FnOnce() -> Result) -> Result {
    let _ = fs::write("/proc/self/clear_refs", "5"); // The most is counted from here on, on Linux.
    let before = status_kib("VmRSS:");
    work()?;
    let growth = status_kib("VmHWM:").saturating_sub(before);
    match growth <= MAX_GROWTH_KIB {
        true => Ok(()),
        false => Err(format!("{growth} KiB were taken").into()),
    }
}

/// 0 where it is not known.
fn status_kib(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Answers a message in pieces with how many bytes it had.
struct CountingServer {
    addr: SocketAddr,
    handler: NodeHandler<()>,
    _task: NodeTask,
}

impl CountingServer {
    fn start() -> Result<Self> {
        let (handler, listener) = node::split();
        let config = WsListenConfig::default().with_fragments(true);
        let (_, addr) = handler.network().listen(config, "127.0.0.1:0")?;
        let inside = handler.clone();
        let mut bytes = 0;
        let task = listener.for_each_async(move |event| {
            let NodeEvent::Network(NetEvent::Message(client, piece)) = event else { return };
            bytes += piece.len();
            if inside.network().message_kind() == CONTINUATION_END {
                let count = bytes.to_string();
                inside.network().send_as(client, MessageKind::TEXT, count.as_bytes());
            }
        });
        Ok(Self { addr, handler, _task: task })
    }
}

impl Drop for CountingServer {
    fn drop(&mut self) {
        self.handler.stop();
    }
}
