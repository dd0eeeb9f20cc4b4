//! One way: a plain thread sends as fast as the library takes it, a node receives.

use std::sync::mpsc;
use std::time::Duration;

use super::library::network::{NetEvent, SendStatus};
use super::library::node::{self, NodeEvent};
use super::{KEEPS_MESSAGES_BACK, connect, listen, listen_with_large_buffer};
use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::usage;

pub(super) fn receive(args: &Args) {
    let (handler, listener) = node::split::<()>();
    let is_udp = args.transport() == "udp";
    let addr = if is_udp && args.has_large_buffer() {
        listen_with_large_buffer(handler.network())
    } else {
        listen(handler.network(), args).expect("a free port")
    };
    usage::serve(addr.port());
    let mut checker = if is_udp { Checker::lossy(args.size()) } else { Checker::new(args.size()) };
    let is_stream = args.transport() == "tcp";
    listener.for_each(|event| {
        let NodeEvent::Network(NetEvent::Message(_, message)) = event else { return };
        let is_over = if is_stream { checker.bytes(message) } else { checker.message(message) };
        if is_over {
            checker.print();
            handler.stop(); // Closes, which tells the sender.
        }
    });
}

pub(super) fn send(args: &Args) {
    let (handler, listener) = node::split::<()>();
    let (tell, told) = mpsc::channel();
    let task = listener.for_each_async(move |event| {
        let is_ready = match event.network() {
            NetEvent::Connected(_, is_ready) => is_ready,
            NetEvent::Disconnected(_) => false,
            _ => return,
        };
        let _ = tell.send(is_ready); // Nobody asks after the end.
    });
    let endpoint = connect(handler.network(), args).expect("a peer");
    assert!(told.recv().expect("the node runs"), "the receiver accepts");

    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let mut refused = 0;
    while let Some(message) = source.next() {
        refused += u64::from(handler.network().send(endpoint, message) != SendStatus::Sent);
    }
    if args.transport() == "udp" {
        source.repeat_end(|message| {
            handler.network().send(endpoint, message); // The receiver may be gone by now.
        });
    } else {
        // The receiver closes once it has the last one.
        let patience = if KEEPS_MESSAGES_BACK { Duration::from_millis(100) } else { Duration::MAX };
        if told.recv_timeout(patience).is_err() {
            handler.network().remove(endpoint.resource_id());
        }
    }
    source.print(cpu, refused);
    handler.stop();
    drop(task);
}
