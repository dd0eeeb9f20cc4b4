//! Servers: one that answers with the same, one that tells everybody.

use super::library::network::NetEvent;
use super::library::node::{self, NodeEvent};
use super::{ANY_PORT, listen, prepare, transport};
use crate::args::Args;
use crate::usage;
use crate::work::{TICK, Ticks, Work};

pub(super) fn echo(args: &Args) {
    let (handler, listener) = node::split::<()>();
    prepare(handler.network(), args);
    let addr = listen(handler.network(), args).expect("a free port");
    usage::serve(addr.port());
    let (replies, work) = (args.replies(), Work::new(args));
    let mut ticks = Ticks::new();
    if work.is_some() {
        handler.signals().send_with_timer((), TICK);
    }
    listener.for_each(move |event| match event {
        NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
            work.iter().for_each(|work| work.work_for(message));
            for _ in 0..replies {
                handler.network().send(endpoint, message);
            }
        }
        NodeEvent::Network(_) => {}
        NodeEvent::Signal(()) => {
            ticks.look();
            handler.signals().send_with_timer((), ticks.left());
        }
    });
}

pub(super) fn chat(args: &Args) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(transport(args), ANY_PORT).expect("a free port");
    usage::serve(addr.port());
    let replies = args.replies();
    let (mut clients, mut said) = (Vec::new(), Vec::new());
    listener.for_each(move |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => clients.push(endpoint),
        NodeEvent::Network(NetEvent::Message(_, message)) if replies > 1 => {
            said = message.to_vec();
            handler.signals().send(()); // The tick of a game.
        }
        NodeEvent::Network(NetEvent::Message(_, message)) => {
            for client in &clients {
                handler.network().send(*client, message);
            }
        }
        NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
            clients.retain(|client| *client != endpoint);
        }
        NodeEvent::Network(NetEvent::Connected(..)) => {}
        NodeEvent::Signal(()) => {
            for _ in 0..replies {
                for client in &clients {
                    handler.network().send(*client, &said);
                }
            }
        }
    });
}
