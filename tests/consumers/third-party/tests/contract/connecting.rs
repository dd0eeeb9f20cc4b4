//! Every successful `connect` yields one `Connected`, and one `Accepted` before any message.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc;

use polywire_core::address::Name;

use crate::kit::*;

#[track_caller]
fn assert_refused<T>(result: io::Result<T>) {
    let Err(error) = result else { panic!("connected to nobody") };
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::Refused), "{error}");
}

over_adapters! {
    fn a_connect_yields_one_connected_with_the_endpoint_it_returned(adapter) {
        let (echo, client) = (Node::echo(), Node::new());
        let (_, addr) = echo.listen(&adapter);
        let endpoint = client.connect(&adapter, &addr);
        client.assert_connected(endpoint);
        assert_eq!(client.network().is_ready(endpoint.resource_id()), Some(true));
        assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
        assert_eq!(client.message(), (endpoint, b"hello".to_vec()));
        assert!(client.stop().is_empty());
    }

    fn a_hundred_connects_before_the_loop_runs_are_each_told_once(adapter) {
        let server = Node::new();
        let (_, addr) = server.listen(&adapter);
        let (handler, listener) = node::split::<()>();
        let connect = |_| handler.network().connect(&adapter, &*addr).unwrap().0;
        let mut clients: Vec<_> = (0..100).map(connect).collect();
        let mut told = Vec::new();
        listener.for_each(|event| {
            let NodeEvent::Network(NetEvent::Connected(endpoint, true)) = event else {
                panic!("{event:?}");
            };
            told.push(endpoint);
            if told.len() == clients.len() {
                handler.stop();
            }
        });
        told.sort_unstable();
        clients.sort_unstable();
        assert_eq!(told, clients);
    }

    fn an_address_that_nobody_listens_on_refuses_and_no_event_tells(adapter) {
        let node = Node::new();
        let addr = adapter.free_address();
        assert_refused(node.network().connect(&adapter, &*addr));
        assert_refused(node.network().connect_sync(&adapter, &*addr));
        assert_eq!(node.network().stats().endpoints, 0);
        assert!(node.stop().is_empty());
    }

    fn connect_sync_before_the_loop_runs_reaches_a_listener_of_the_same_node(adapter) {
        let (handler, listener) = node::split::<()>();
        let addr = adapter.free_address();
        handler.network().listen(&adapter, Name(&addr)).unwrap();
        let (client, _) = handler.network().connect_sync(&adapter, &*addr).unwrap();
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

    fn connect_sync_works_beside_the_loop_and_inside_the_callback(adapter) {
        let echo = Node::echo();
        let (_, addr) = echo.listen(&adapter);
        let (within, inner) = (adapter.clone(), addr.clone());
        let client = Node::with(move |handler, event| {
            if let NetEvent::Message(_, b"beside") = event {
                let (endpoint, _) = handler.network().connect_sync(&within, &*inner).unwrap();
                assert_eq!(handler.network().is_ready(endpoint.resource_id()), Some(true));
                assert_eq!(handler.network().send(endpoint, b"inside"), SendStatus::Sent);
            }
        });
        let (beside, _) = client.network().connect_sync(&adapter, &*addr).unwrap();
        client.network().send(beside, b"beside");
        client.assert_connected(beside);
        assert_eq!(client.message(), (beside, b"beside".to_vec()));
        let StoredNetEvent::Connected(inside, true) = client.next() else { panic!("not told") };
        assert_eq!(client.message(), (inside, b"inside".to_vec()));
        // What was sent counts at the node that the connection has moved to.
        client.handler.stop_when_drained(DEADLINE);
        let mut client = client;
        client.wait();
    }

    fn each_of_fifty_clients_is_accepted_once_by_its_own_listener_before_its_message(adapter) {
        let (server, client) = (Node::new(), Node::new());
        let listeners = [server.listen(&adapter), server.listen(&adapter)];
        for number in 0..50_u8 {
            let (_, addr) = &listeners[usize::from(number) % 2];
            let endpoint = client.connect(&adapter, addr);
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
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(accepted.len(), 50);
        server.assert_silent();
    }

    fn an_address_is_free_again_when_remove_returns(adapter) {
        let ((enter, inside), (go_on, waits)) = (mpsc::channel(), mpsc::channel::<()>());
        let node = Node::with(move |_, _| {
            enter.send(()).unwrap();
            waits.recv().unwrap_or(());
        });
        let (id, addr) = node.listen(&adapter);
        let client = Node::new();
        client.connect_ready(&adapter, &addr);
        inside.recv_timeout(DEADLINE).expect("the loop is inside a callback");
        let other = Node::new();
        let error = other.network().listen(&adapter, Name(&addr)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
        assert!(node.network().remove(id));
        assert_refused(client.network().connect(&adapter, &*addr));
        other.network().listen(&adapter, Name(&addr)).unwrap();
        client.connect_ready(&adapter, &addr);
        other.accepted();
        drop(go_on);
        node.accepted();
        node.settle();
        // The listener that is gone took nothing away from the one that is there.
        client.connect_ready(&adapter, &addr);
        other.accepted();
    }

    fn an_address_is_free_again_when_its_node_has_ended(adapter) {
        let first = Node::new();
        let (_, addr) = first.listen(&adapter);
        first.stop();
        let second = Node::new();
        assert_refused(second.network().connect(&adapter, &*addr));
        second.network().listen(&adapter, Name(&addr)).unwrap();
    }

    fn who_was_not_accepted_yet_is_told_that_the_listener_is_gone(adapter) {
        let (handler, _listener) = node::split::<()>(); // Nobody runs it.
        let addr = adapter.free_address();
        let (id, _) = handler.network().listen(&adapter, Name(&addr)).unwrap();
        let client = Node::new();
        let endpoint = client.connect(&adapter, &addr);
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
            event => panic!("{event:?}"),
        }
    }

    fn an_empty_message_is_a_message(adapter) {
        let Pair { server, client, to_client, to_server } = Pair::new(&adapter);
        assert_eq!(client.network().send(to_server, b""), SendStatus::Sent);
        assert_eq!(server.message(), (to_client, Vec::new()));
    }

    fn a_message_that_is_too_long_is_refused_and_the_endpoint_lives_on(adapter) {
        let Pair { server, client, to_client, to_server } = Pair::new(&adapter);
        let too_long = vec![0; (64 << 20) + 1];
        let network = client.network();
        assert_eq!(network.send(to_server, &too_long), SendStatus::MaxPacketSizeExceeded);
        assert_eq!(network.try_send(to_server, &too_long), SendStatus::MaxPacketSizeExceeded);
        assert_eq!(network.send(to_server, b"short"), SendStatus::Sent);
        assert_eq!(server.message(), (to_client, b"short".to_vec()));
    }
}
