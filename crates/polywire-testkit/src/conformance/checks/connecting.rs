//! Every successful `connect` yields one `Connected`, and one `Accepted` before any message.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc;

use polywire_core::address::RemoteAddr;

use crate::conformance::node::*;

#[track_caller]
fn assert_refused(subject: &Subject, client: &Node, addr: &RemoteAddr) {
    match subject.connect(client.network(), addr) {
        Err(error) => assert_is_refusal(&error),
        Ok((endpoint, _)) => {
            let event = client.next();
            let is_it = matches!(event, StoredNetEvent::Connected(e, false) if e == endpoint);
            assert!(is_it, "{} instead of a failed Connected", client.shown(&event));
            assert_eq!(client.network().close_reason(endpoint), Some(CloseReason::Refused));
        }
    }
}

#[track_caller]
fn assert_is_refusal(error: &io::Error) {
    assert_eq!(CloseReason::of(error), Some(&CloseReason::Refused), "{error}");
}

/// An address that nobody listens on.
fn free_address(subject: &Subject) -> RemoteAddr {
    match subject.new_name() {
        Some(name) => RemoteAddr::Str(name),
        None => {
            let node = Node::new(subject);
            let (_, addr) = node.listen(subject);
            node.stop();
            addr
        }
    }
}

/// E1: a `connect` yields one `Connected`, with the endpoint that it returned.
pub fn a_connect_yields_one_connected_with_the_endpoint_it_returned(subject: &Subject) {
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = echo.listen(subject);
    let endpoint = client.connect(subject, &addr);
    client.assert_connected(endpoint);
    assert_eq!(client.network().is_ready(endpoint.resource_id()), Some(true));
    assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
    client.expect(endpoint, b"hello");
    assert!(client.stop().is_empty());
}

/// E1: a hundred connects before the loop runs yield one `Connected` each.
pub fn a_hundred_connects_before_the_loop_runs_are_each_told_once(subject: &Subject) {
    let server = Node::new(subject);
    let (_, addr) = server.listen(subject);
    let (handler, listener) = node::split::<()>();
    let connect = |_| subject.connect(handler.network(), &addr).unwrap().0;
    let mut clients: Vec<_> = (0..100).map(connect).collect();
    let mut told = Vec::new();
    listener.for_each(|event| {
        match event {
            NodeEvent::Network(NetEvent::Connected(endpoint, true)) => told.push(endpoint),
            NodeEvent::Network(event) => panic!("{}", shown(handler.network(), &event.into())),
            NodeEvent::Signal(()) => {}
        }
        if told.len() == clients.len() {
            handler.stop();
        }
    });
    told.sort_unstable();
    clients.sort_unstable();
    assert_eq!(told, clients);
}

/// E1: where nobody listens, `connect` fails with `Refused`, by its error or by one event.
pub fn an_address_that_nobody_listens_on_refuses_once(subject: &Subject) {
    let node = Node::new(subject);
    let addr = free_address(subject);
    assert_refused(subject, &node, &addr);
    let Err(error) = subject.connect_sync(node.network(), &addr) else { panic!("it connects") };
    assert_is_refusal(&error);
    eventually(subject, "it to be forgotten", || node.network().stats().endpoints == 0);
    assert!(node.stop().is_empty());
}

/// E1: `connect_sync` works where nobody runs the loop yet, and is followed by one `Connected`.
pub fn connect_sync_before_the_loop_runs_reaches_a_listener_of_the_same_node(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).unwrap();
    let (client, _) = subject.connect_sync(handler.network(), &addr).unwrap();
    assert_eq!(handler.network().is_ready(client.resource_id()), Some(true));
    assert_eq!(handler.network().send(client, b"hello"), SendStatus::Sent);
    let mut told = 0;
    listener.for_each(|event| match event {
        NodeEvent::Network(NetEvent::Connected(endpoint, true)) => {
            assert_eq!(endpoint, client);
            told += 1;
        }
        NodeEvent::Network(NetEvent::Message(..)) => handler.stop(),
        _ => {}
    });
    assert_eq!(told, 1);
}

/// E1: `connect_sync` works beside the loop and inside the callback.
pub fn connect_sync_works_beside_the_loop_and_inside_the_callback(subject: &Subject) {
    let echo = Node::echo(subject);
    let (_, addr) = echo.listen(subject);
    let (within, inner) = (subject.clone(), addr.clone());
    let client = Node::with(subject, move |handler, event| {
        if let NetEvent::Message(_, b"1") = event {
            let (endpoint, _) = within.connect_sync(handler.network(), &inner).unwrap();
            assert_eq!(handler.network().is_ready(endpoint.resource_id()), Some(true));
            assert_eq!(handler.network().send(endpoint, b"inside"), SendStatus::Sent);
        }
    });
    let (beside, _) = subject.connect_sync(client.network(), &addr).unwrap();
    client.network().send(beside, b"1"); // One byte comes whole of a stream as well.
    client.assert_connected(beside);
    client.expect(beside, b"1");
    let event = client.next();
    let StoredNetEvent::Connected(inside, true) = event else {
        panic!("{} instead of Connected", client.shown(&event));
    };
    client.expect(inside, b"inside");
    // What was sent counts at the node that the connection has moved to.
    client.handler.stop_when_drained(subject.deadline());
    let mut client = client;
    client.wait();
}

/// E2: `Accepted` comes once for each connection, from its own listener, before any message.
pub fn each_of_fifty_clients_is_accepted_once_by_its_own_listener_before_its_message(
    subject: &Subject,
) {
    let (server, client) = (Node::new(subject), Node::new(subject));
    let listeners = [server.listen(subject), server.listen(subject)];
    for number in 0..50_u8 {
        let (_, addr) = &listeners[usize::from(number) % 2];
        let endpoint = client.connect(subject, addr);
        assert_eq!(client.network().send(endpoint, &[number]), SendStatus::Sent);
    }
    let (mut accepted, mut greeted) = (HashSet::new(), HashSet::new());
    while greeted.len() < 50 {
        match server.next() {
            StoredNetEvent::Accepted(endpoint, by) => assert!(accepted.insert((endpoint, by))),
            StoredNetEvent::Message(endpoint, message) => {
                let by = listeners[usize::from(message[0]) % 2].0;
                assert!(accepted.contains(&(endpoint, by)), "a message before Accepted");
                assert!(greeted.insert(endpoint), "greeted twice");
            }
            event => panic!("{}", server.shown(&event)),
        }
    }
    assert_eq!(accepted.len(), 50);
    server.assert_silent();
}

/// E8: the address of a listener is free when `remove` returns, also while the loop is inside a callback.
pub fn an_address_is_free_again_when_remove_returns(subject: &Subject) {
    let ((enter, inside), (go_on, waits)) = (mpsc::channel(), mpsc::channel::<()>());
    let node = Node::with(subject, move |_, _| {
        enter.send(()).unwrap();
        waits.recv().unwrap_or(());
    });
    let (id, addr) = node.listen(subject);
    let client = Node::new(subject);
    client.connect_ready(subject, &addr);
    inside.recv_timeout(subject.deadline()).expect("the loop is inside a callback");
    let other = Node::new(subject);
    let error = subject.listen_on(other.network(), &addr).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
    assert!(node.network().remove(id));
    assert_refused(subject, &client, &addr);
    subject.listen_on(other.network(), &addr).unwrap();
    client.connect_ready(subject, &addr);
    other.accepted();
    drop(go_on);
    node.accepted();
    node.settle();
    // The listener that is gone took nothing away from the one that is there.
    client.connect_ready(subject, &addr);
    other.accepted();
}

/// E8: the address of a listener is free when its node has ended.
pub fn an_address_is_free_again_when_its_node_has_ended(subject: &Subject) {
    let first = Node::new(subject);
    let (_, addr) = first.listen(subject);
    first.stop();
    let second = Node::new(subject);
    assert_refused(subject, &second, &addr);
    subject.listen_on(second.network(), &addr).unwrap();
}

/// E1 and E3: who waits to be accepted is told when the listener goes.
pub fn who_was_not_accepted_yet_is_told_that_the_listener_is_gone(subject: &Subject) {
    let (handler, _listener) = node::split::<()>(); // Nobody runs it.
    let (id, addr) = subject.listen(handler.network()).unwrap();
    let client = Node::new(subject);
    let endpoint = client.connect(subject, &addr);
    client.settle();
    assert!(handler.network().remove(id));
    // Where nobody shakes hands it was ready already.
    match client.next() {
        StoredNetEvent::Connected(it, is_ready) => {
            assert_eq!(it, endpoint);
            if is_ready {
                client.disconnected(endpoint);
            }
        }
        event => panic!("{}", client.shown(&event)),
    }
}

/// E1 and E2: each side knows the address of the other one, by which it was connected to.
pub fn the_addresses_are_those_of_the_peers(subject: &Subject) {
    let (server, client) = (Node::new(subject), Node::new(subject));
    let (_, addr) = server.listen(subject);
    let (to_server, local) = subject.connect(client.network(), &addr).expect("it connects");
    client.assert_connected(to_server);
    assert_eq!(client.network().remote_addr(to_server), Some(addr.clone()));
    let to_client = server.accepted();
    if let RemoteAddr::Socket(addr) = addr {
        assert_eq!(to_server.addr(), addr, "the address that was connected to");
        assert_eq!(to_client.addr(), local, "the address that it connects from");
    }
    let (other, _) = subject.connect(client.network(), &addr).expect("it connects");
    client.assert_connected(other);
    assert_ne!(other.resource_id(), to_server.resource_id());
    assert_ne!(server.accepted().resource_id(), to_client.resource_id());
}
