//! Servers of compressed messages.

use polywire::adapters::ws::{Deflate, WsListenConfig};
use polywire::network::{MessageKind, NetEvent};
use polywire::node::{self, NodeEvent, NodeHandler, NodeListener};

use super::node_programs::ANY_PORT;
use crate::args::Args;
use crate::usage;

pub(super) fn echo(args: &Args) {
    let deflate = match args.contestant.strip_prefix("polywire-level-") {
        Some(level) => Deflate::default().with_level(level.parse().expect("a level")),
        None => Deflate::default(),
    };
    let (handler, listener) = listen(Some(deflate));
    listener.for_each(move |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
            handler.network().send_as(endpoint, MessageKind::TEXT, message);
        }
    });
}

/// Tells everybody by `send_to_each`.
pub(super) fn fan_out(args: &Args) {
    let deflates = args.contestant == "polywire-deflate";
    let (handler, listener) = listen(deflates.then(Deflate::default));
    let mut clients = Vec::new();
    listener.for_each(move |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => clients.push(endpoint),
        NodeEvent::Network(NetEvent::Message(_, message)) => {
            let everybody = clients.iter().copied();
            let sent = handler.network().send_to_each(everybody, MessageKind::TEXT, message);
            assert_eq!(sent.taken, clients.len());
        }
        _ => {}
    });
}

fn listen(deflate: Option<Deflate>) -> (NodeHandler<()>, NodeListener<()>) {
    let (handler, listener) = node::split::<()>();
    let mut config = WsListenConfig::default();
    if let Some(deflate) = deflate {
        config = config.with_deflate(deflate);
    }
    let (_, addr) = handler.network().listen(config, ANY_PORT).expect("a free port");
    usage::serve(addr.port());
    (handler, listener)
}
