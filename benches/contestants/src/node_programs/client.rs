//! A client that sends a message, waits for the answer and sends the next one.

use super::library::network::NetEvent;
use super::library::node;
use super::{connect, prepare};
use crate::args::Args;
use crate::times::RoundTrips;

pub(super) fn run(args: &Args) {
    let (handler, listener) = node::split::<()>();
    prepare(handler.network(), args);
    connect(handler.network(), args).expect("the server listens");
    let mut trips = RoundTrips::new(args);
    // A stream without messages, and a library that cuts them, may give them in pieces.
    let mut answer = Vec::new();
    let mut done = Some(());
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(endpoint, is_ready) => {
            assert!(is_ready, "the server accepts");
            handler.network().send(endpoint, trips.next());
        }
        NetEvent::Message(endpoint, part) => {
            answer.extend_from_slice(part);
            if answer.len() < args.size() || done.is_none() {
                return;
            }
            if trips.answered(&answer) {
                answer.clear();
                handler.network().send(endpoint, trips.next());
            } else {
                done = None;
                handler.stop();
            }
        }
        other => panic!("{other:?}"),
    });
    trips.print();
}
