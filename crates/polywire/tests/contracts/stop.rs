//! `stop` ends the loop after the event in hand, under any load; then sockets close.
//!
//! This is E8 of `docs/contracts.md`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::common::*;

/// Makes sure that a stopped node refuses whatever needs it, at once and with its reason.
fn assert_refuses_everything(handler: &Handler, transport: Transport, endpoint: Endpoint) {
    let network = handler.network();
    let open = ClosedPort::new();
    assert!(!handler.is_running());
    let errors = [
        network.connect(transport, open.addr).unwrap_err(),
        network.connect_sync(transport, open.addr).unwrap_err(),
        network.listen(transport, LOCALHOST).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(CloseReason::of(&error), Some(&CloseReason::NodeStopped), "{error}");
    }
    assert_eq!(network.send(endpoint, b"late"), SendStatus::ResourceNotFound);
    assert_eq!(network.try_send(endpoint, b"late"), SendStatus::ResourceNotFound);
    network.flush(endpoint);
    assert!(!network.remove(endpoint.resource_id()));
    assert_eq!(network.is_ready(endpoint.resource_id()), None);
    assert_eq!(network.stats().endpoints, 0);
    handler.signals().send(Signal::Step(0));
    handler.stop();
}

over_transports! {
    // The poller tells of its end once, together with what makes the callback stop the node.
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_removed_connection_that_ends_just_as_the_node_is_stopped_is_not_waited_for(transport) {
        let (handler, listener) = split();
        let limits = Limits::default().with_linger(Duration::from_secs(3600));
        let (_, addr) = handler.network().listen(&*listening(transport, limits), LOCALHOST).unwrap();
        let ((tell, accepted), (go_on, waits)) = (mpsc::channel(), mpsc::channel::<()>());
        let (inner, (holds, held)) = (Handler::clone(&handler), mpsc::channel());
        let mut holds = Some(holds);
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => tell.send(endpoint).unwrap(),
            NodeEvent::Network(NetEvent::Message(..)) => match holds.take() {
                Some(holds) => {
                    holds.send(()).unwrap();
                    waits.recv().unwrap();
                }
                None => inner.stop(),
            },
            _ => {}
        });
        let mut speaks = [(); 2].map(|()| {
            let peer = RawPeer::connect(transport, addr);
            accepted.recv().unwrap();
            peer
        });
        let non_reader = RawPeer::connect(transport, addr);
        let endpoint = accepted.recv().unwrap();
        while handler.network().try_send(endpoint, &[7; 100_000]) == SendStatus::Sent {}
        assert!(handler.network().remove(endpoint.resource_id()));

        speaks[0].send(b"hold");
        held.recv().unwrap();
        speaks[1].send(b"stop");
        non_reader.reset();
        go_on.send(()).unwrap();
        task.wait();
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn stop_in_the_callback_is_followed_by_no_event_though_floods_go_on(transport) {
        let (handler, listener) = split();
        let (id, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let floods = [Flood::start(transport, addr), Flood::start(transport, addr)];
        // Signals flood it as well, each of them sends the next.
        handler.signals().send(Signal::Step(0));
        let mut senders = Vec::new();
        let mut events = 0;
        let mut stopped = false;
        run(&handler, listener, "a thousand events", |event| {
            assert!(!stopped, "an event after stop");
            events += 1;
            match event {
                NodeEvent::Signal(step) => handler.signals().send(step),
                NodeEvent::Network(NetEvent::Message(from, _)) => {
                    handler.network().send(from, b"answer");
                    if !senders.contains(&from) {
                        senders.push(from);
                    }
                    if senders.len() == 2 && events >= 1000 {
                        handler.stop();
                        stopped = true;
                        assert!(!handler.is_running());
                    }
                }
                NodeEvent::Network(_) => {}
            }
        });
        assert!(stopped);
        assert_eq!(handler.network().is_ready(id), None);
        assert_refuses_everything(&handler, transport, senders[0]);
        if transport.is_connection_oriented() {
            // A socket that nobody closes would leave them waiting.
            floods.into_iter().for_each(Flood::wait_for_end);
        }
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn stop_by_another_thread_ends_the_loop_though_floods_go_on(transport) {
        for _ in 0..10 {
            let (handler, listener) = split();
            let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
            let flood = Flood::start(transport, addr);
            handler.signals().send(Signal::Step(0));
            let (is_stopped, late) = (AtomicBool::new(false), AtomicUsize::new(0));
            let (tell, told) = mpsc::channel();
            thread::scope(|scope| {
                let (stopping, flag) = (&handler, &is_stopped);
                scope.spawn(move || {
                    let _: Endpoint = told.recv_timeout(DEADLINE).unwrap();
                    stopping.stop();
                    flag.store(true, Ordering::SeqCst);
                });
                run(&handler, listener, "stop", |event| {
                    if is_stopped.load(Ordering::SeqCst) {
                        late.fetch_add(1, Ordering::SeqCst);
                    }
                    match event {
                        NodeEvent::Signal(step) => handler.signals().send(step),
                        NodeEvent::Network(NetEvent::Message(from, _)) => {
                            let _ = tell.send(from);
                        }
                        NodeEvent::Network(_) => {}
                    }
                });
            });
            // The event in hand is the one that the loop was just beginning to deliver.
            assert!(late.into_inner() <= 1);
            assert!(!handler.is_running());
            drop(flood);
        }
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn the_peers_of_a_stopped_node_see_the_clean_end_of_the_stream(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let peers: Vec<_> = (0..10).map(|_| RawPeer::connect(transport, addr)).collect();
        for _ in &peers {
            node.accepted();
        }
        drop(node);
        for peer in peers {
            let end = peer.read_to_end(100);
            assert!(end.payload.is_empty());
            assert_eq!(end.close_code, (transport.plain() == Transport::Ws).then_some(1001));
        }
        assert!(std::net::TcpStream::connect(addr).is_err(), "the listener is still there");
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn a_node_stopped_before_its_loop_ran_ends_at_once(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
        handler.signals().send(Signal::Step(0));
        handler.stop();
        run(&handler, listener, "nothing", |event| panic!("{event:?}"));
        assert_refuses_everything(&handler, transport, endpoint);
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn a_node_is_stopped_though_its_listener_was_dropped(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
        drop(listener);
        assert!(handler.is_running());
        handler.stop();
        assert_refuses_everything(&handler, transport, endpoint);
    }
}
