//! One way: a plain thread sends as fast as the library takes it, a node receives.

use std::sync::mpsc;

use super::library::network::{NetEvent, SendStatus};
use super::library::node::{self, NodeEvent};
use super::{ANY_PORT, transport};
use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::usage;

pub(super) fn receive(args: &Args) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(transport(args), ANY_PORT).expect("a free port");
    usage::serve(addr.port());
    let mut checker = Checker::new(args.size());
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
    let (endpoint, _) = handler.network().connect(transport(args), args.peer()).expect("a peer");
    assert!(told.recv().expect("the node runs"), "the receiver accepts");

    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let mut refused = 0;
    while let Some(message) = source.next() {
        refused += u64::from(handler.network().send(endpoint, message) != SendStatus::Sent);
    }
    let _ = told.recv(); // The receiver closes once it has the last one.
    source.print(cpu, refused);
    handler.stop();
    drop(task);
}
