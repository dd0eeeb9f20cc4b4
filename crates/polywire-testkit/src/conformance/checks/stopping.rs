//! `stop` ends the loop after the event in hand, under any load; then sockets close.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use polywire_core::address::RemoteAddr;

use crate::conformance::node::*;

/// A stopped node refuses whatever needs it, at once and with its reason.
#[track_caller]
fn assert_refuses_everything<S: Send + 'static>(
    subject: &Subject,
    handler: &NodeHandler<S>,
    endpoint: Endpoint,
    addr: &RemoteAddr,
) {
    let network = handler.network();
    assert!(!handler.is_running());
    let errors = [
        subject.connect(network, addr).map(drop),
        subject.connect_sync(network, addr).map(drop),
        subject.listen(network).map(drop),
    ];
    for result in errors {
        let Err(error) = result else { panic!("a stopped node goes on") };
        assert_eq!(CloseReason::of(&error), Some(&CloseReason::NodeStopped), "{error}");
    }
    assert_eq!(network.send(endpoint, b"late"), SendStatus::ResourceNotFound);
    assert_eq!(network.try_send(endpoint, b"late"), SendStatus::ResourceNotFound);
    network.flush(endpoint);
    assert!(!network.remove(endpoint.resource_id()));
    assert_eq!(network.is_ready(endpoint.resource_id()), None);
    assert_eq!(network.stats().endpoints, 0);
    handler.stop();
}

/// E8: `stop` in the callback is followed by no event, though a flood goes on, and peers see the end.
pub fn stop_in_the_callback_is_followed_by_no_event(subject: &Subject) {
    let (tell, told) = mpsc::channel();
    let mut server = Node::with(subject, move |handler, event| {
        if let NetEvent::Message(..) = event {
            assert!(handler.is_running(), "an event after stop");
            handler.stop();
            let _ = tell.send(());
        }
    });
    let client = Node::new(subject);
    let (_, addr) = server.listen(subject);
    let to_server = client.connect_ready(subject, &addr);
    let to_client = server.accepted();
    while client.network().send(to_server, b"flood") == SendStatus::Sent {}
    server.wait();
    assert_eq!(told.try_iter().count(), 1);
    client.disconnected(to_server);
    assert_refuses_everything(subject, &server.handler, to_client, &addr);
}

/// E8: `stop` by another thread ends the loop though a flood goes on.
pub fn stop_by_another_thread_ends_the_loop(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).expect("it listens");
    let client = Node::new(subject);
    let to_server = client.connect(subject, &addr);
    let (is_stopped, late) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let (handler, is_stopped, late) = (&handler, &is_stopped, &late);
        scope.spawn(move || {
            while handler.is_running() {
                client.network().send(to_server, b"flood");
            }
        });
        scope.spawn(move || {
            let _ = told.recv_timeout(subject.deadline());
            handler.stop();
            is_stopped.store(true, Ordering::SeqCst);
        });
        listener.for_each(|event| {
            if is_stopped.load(Ordering::SeqCst) {
                late.fetch_add(1, Ordering::SeqCst);
            }
            if let NodeEvent::Network(NetEvent::Message(..)) = event {
                let _ = tell.send(());
            }
        });
    });
    // The event in hand is the one that the loop was just beginning to deliver.
    assert!(late.into_inner() <= 1);
}

/// E8: a node stopped before its loop ran ends at once, and tells nothing.
pub fn a_node_stopped_before_its_loop_ran_ends_at_once(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).expect("it listens");
    let (endpoint, _) = subject.connect(handler.network(), &addr).expect("it connects");
    handler.signals().send(());
    handler.stop();
    listener.for_each(|event| panic!("{event:?}"));
    assert_refuses_everything(subject, &handler, endpoint, &addr);
}

/// E8: a node is stopped though its listener was dropped, and nobody runs its loop.
pub fn a_node_is_stopped_though_its_listener_was_dropped(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).expect("it listens");
    let (endpoint, _) = subject.connect(handler.network(), &addr).expect("it connects");
    drop(listener);
    assert!(handler.is_running());
    handler.stop();
    assert_refuses_everything(subject, &handler, endpoint, &addr);
    subject.listen_on(Node::new(subject).network(), &addr).expect("the address is free again");
}

/// E8: nothing is left of a connection that was removed: on Linux, where the system tells, no descriptor.
pub fn a_connection_that_was_removed_leaves_no_descriptor(subject: &Subject) {
    const MANY: usize = 60;
    const LOOKS: u32 = 10;
    let (server, client) = (Node::new(subject), Node::new(subject));
    let (_, addr) = server.listen(subject);
    let descriptors = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let left_of_many = || {
        let before = descriptors();
        for _ in 0..MANY {
            connect_and_remove(subject, &addr, &server, &client);
        }
        eventually(subject, "both ends to be forgotten", || {
            let ends = [&server, &client].map(|node| node.network().stats().endpoints);
            ends == [1, 0]
        });
        descriptors().saturating_sub(before)
    };
    // Other tests of the process open some at the same time; but not again and again for long.
    let mut left = left_of_many();
    for _ in 0..LOOKS {
        if left < MANY * 3 / 4 {
            return;
        }
        thread::sleep(subject.deadline() / (2 * LOOKS));
        left = left_of_many();
    }
    panic!("{left} descriptors are left of {MANY} connections");
}

fn connect_and_remove(subject: &Subject, addr: &RemoteAddr, server: &Node, client: &Node) {
    let to_server = client.connect_ready(subject, addr);
    let to_client = subject.capabilities().connections.then(|| server.accepted());
    assert!(client.network().remove(to_server.resource_id()));
    if let Some(to_client) = to_client {
        server.disconnected(to_client);
    }
}
