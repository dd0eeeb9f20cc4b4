//! What polywire alone offers: many datagrams by a call, busy polling, several nodes on a port.

use std::time::Duration;

use polywire::adapters::framed_tcp::FramedTcpListenConfig;
use polywire::adapters::tcp::TcpListenConfig;
use polywire::adapters::ws::WsListenConfig;
use polywire::network::{NetEvent, SendStatus, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use crate::args::Args;
use crate::numbered::Source;
use crate::usage;

/// As many as quinn-udp sends by a call.
const BATCH: usize = 64;

/// How long a loop asks before it sleeps: longer than any answer takes.
pub(super) const BUSY: Duration = Duration::from_millis(1);

/// Sends datagrams from a plain thread, many by a call.
pub(super) fn send_batches(args: &Args) {
    let (handler, listener) = node::split::<()>();
    let task = listener.for_each_async(|_| {});
    let connected = handler.network().connect_sync(Transport::Udp, args.peer());
    let (endpoint, _) = connected.expect("nobody needs to be there");
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let mut refused = 0;
    let mut batch = Vec::with_capacity(BATCH * args.size());
    let send = |batch: &mut Vec<u8>| {
        let sent = handler.network().send_many(endpoint, batch.chunks(args.size()));
        batch.clear();
        u64::from(sent.status != SendStatus::Sent)
    };
    while let Some(message) = source.next() {
        batch.extend_from_slice(message);
        if batch.len() == BATCH * args.size() {
            refused += send(&mut batch);
        }
    }
    refused += send(&mut batch);
    source.repeat_end(|message| {
        handler.network().send(endpoint, message); // The receiver may be gone by now.
    });
    source.print(cpu, refused);
    handler.stop();
    drop(task);
}

/// An echo server of two nodes on one port.
pub(super) fn echo_by_two_nodes(args: &Args) {
    let ws = args.transport() == "ws";
    let (_first, _task, port) = echo_node(ws, 0);
    let (_second, mut task, _) = echo_node(ws, port);
    usage::serve(port);
    task.wait();
}

fn echo_node(ws: bool, port: u16) -> (NodeHandler<()>, NodeTask, u16) {
    let (handler, listener) = node::split::<()>();
    let tcp = TcpListenConfig::default().with_reuse_port(true);
    let addr = ("127.0.0.1", port);
    let listening = match ws {
        true => handler.network().listen(WsListenConfig::default().with_tcp(tcp), addr),
        false => handler.network().listen(FramedTcpListenConfig::default().with_tcp(tcp), addr),
    };
    let port = listening.expect("a port to share").1.port();
    let network = handler.network().clone();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
            network.send(endpoint, message);
        }
    });
    (handler, task, port)
}
