//! A panic of the callback ends the node, tells it and leaves nobody waiting.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

use crate::conformance::node::*;

const PAYLOAD: &str = "the callback's own panic";

/// E6 and E8: a panic in the callback unwinds out of the loop, with sockets closed and peers told.
pub fn a_panic_in_the_callback_ends_the_node(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).expect("it listens");
    let runner = thread::spawn(move || {
        let run = || {
            listener.for_each(|event| {
                if let NodeEvent::Network(NetEvent::Message(..)) = event {
                    resume_unwind(Box::new(PAYLOAD)); // Without noise on the standard error.
                }
            });
        };
        catch_unwind(AssertUnwindSafe(run)).map_err(|payload| payload.downcast_ref().copied())
    });
    let client = Node::new(subject);
    let endpoint = client.connect_ready(subject, &addr);
    assert_eq!(client.network().send(endpoint, b"panic"), SendStatus::Sent);
    if subject.capabilities().connections {
        client.disconnected(endpoint);
    }
    let payload = runner.join().expect("the panic was caught");
    assert_eq!(payload, Err(Some(PAYLOAD)));
    assert!(!handler.is_running());
    assert_eq!(handler.network().stats().endpoints, 0);
    assert!(subject.connect(handler.network(), &addr).is_err(), "the node has ended");
    subject.listen_on(Node::new(subject).network(), &addr).expect("the address is free again");
}

/// E6 and E8: a thread that waits in `send` goes on when the callback panics.
pub fn a_panic_releases_a_thread_that_waits_to_send(subject: &Subject) {
    let subject = &subject.limited(small_limits());
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).expect("it listens");
    let (tell, accepted) = mpsc::channel();
    let mut task = listener.for_each_async(move |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => drop(tell.send(endpoint)),
        NodeEvent::Network(_) => {}
        NodeEvent::Signal(()) => resume_unwind(Box::new(PAYLOAD)),
    });
    let client = Node::paused(subject);
    client.connect(subject, &addr);
    let endpoint = accepted.recv_timeout(subject.deadline()).expect("it is accepted");
    let sender = handler.clone();
    let sending =
        thread::spawn(
            move || {
                while sender.network().send(endpoint, &[7; MESSAGE]) == SendStatus::Sent {}
            },
        );
    eventually(subject, "the outbox to be full", || {
        handler.network().stats().queued_bytes > SOFT_MARK
    });
    handler.signals().send(());
    sending.join().expect("it goes on");
    assert!(catch_unwind(AssertUnwindSafe(|| task.wait())).is_err());
}
