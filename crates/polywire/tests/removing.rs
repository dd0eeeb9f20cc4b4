//! What is removed or paused is told of no more, and what listened leaves its address at once.

mod common;
#[path = "removing/datagrams.rs"]
mod datagrams;

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::*;
use polywire::adapters::ws::WsListenConfig;
use polywire::network;

/// Of a WebSocket client.
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const CLIENTS: usize = 6;
/// Long enough for an event that must not come.
const WHILE: Duration = Duration::from_millis(200);

/// Clients that wait to be accepted, in the system's queue.
fn clients(transport: Transport, addr: std::net::SocketAddr) -> Vec<RawPeer> {
    (0..CLIENTS).map(|_| RawPeer::connect_with(transport, addr, b"")).collect()
}

/// Nobody listens there any more.
fn assert_free(transport: Transport, addr: std::net::SocketAddr) {
    let bound = match transport {
        Transport::Udp => UdpSocket::bind(addr).map(drop),
        _ => TcpListener::bind(addr).map(drop),
    };
    bound.expect("the address is free");
}

over_transports! {
    [tcp framed_tcp ws]
    fn a_listener_that_its_first_accepted_removes_is_told_of_no_more(transport) {
        let (handler, listener) = split();
        let (id, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let peers = clients(transport, addr);
        let mut accepted = 0;
        run(&handler, listener, "the end", |event| match event {
            NodeEvent::Network(NetEvent::Accepted(_, listener)) => {
                assert_eq!(listener, id);
                accepted += 1;
                assert!(accepted > 1 || handler.network().remove(id));
                handler.signals().send_with_timer(Signal::Step(0), WHILE);
            }
            NodeEvent::Signal(_) => {
                assert_eq!(handler.network().stats().endpoints, 1);
                handler.stop();
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(accepted, 1);
        drop(peers);
    }

    [tcp framed_tcp ws]
    fn a_listener_that_its_first_accepted_pauses_is_told_of_when_it_goes_on(transport) {
        let (handler, listener) = split();
        let (id, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let mut peers = clients(transport, addr);
        let (mut accepted, mut heard, mut is_paused) = (0, 0, false);
        let saying = thread::spawn(move || {
            for peer in &mut peers {
                peer.finish_handshake();
                peer.send(b"hello");
            }
            peers
        });
        run(&handler, listener, "the end", |event| match event {
            NodeEvent::Network(NetEvent::Accepted(..)) => {
                assert!(!is_paused);
                accepted += 1;
                if accepted == 1 {
                    is_paused = handler.network().pause(id);
                    handler.signals().send_with_timer(Signal::Step(0), WHILE);
                }
            }
            NodeEvent::Network(NetEvent::Message(_, message)) => {
                assert_eq!(message, b"hello");
                heard += 1;
                assert!(heard <= accepted, "a message before `Accepted`");
                if heard == CLIENTS {
                    handler.stop();
                }
            }
            NodeEvent::Signal(_) => {
                assert_eq!(accepted, 1);
                is_paused = !handler.network().resume(id);
            }
            other => panic!("{other:?}"),
        });
        assert_eq!((accepted, heard), (CLIENTS, CLIENTS));
        drop(saying.join().unwrap());
    }

    // A signal that goes ahead of an event may remove what it is about.
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn what_a_signal_just_before_removes_is_told_of_no_more(transport) {
        const TIMES: usize = if cfg!(debug_assertions) { 10 } else { 30 };
        let echo = Echo::start(transport);
        for _ in 0..TIMES {
            let (handler, listener) = split();
            let (first, _) = handler.network().connect_sync(transport, echo.addr).unwrap();
            handler.network().send(first, b"go");
            let (second, _) = handler.network().connect(transport, echo.addr).unwrap();
            let mut is_removed = false;
            // Both have something to tell when the loop begins.
            thread::sleep(Duration::from_millis(5));
            handler.signals().send_with_timer(Signal::Step(1), Duration::from_millis(50));
            run(&handler, listener, "the end", |event| match event {
                NodeEvent::Network(NetEvent::Message(..)) => {
                    handler.signals().send_with_priority(Signal::Step(0));
                }
                NodeEvent::Signal(Signal::Step(0)) => is_removed = handler.network().remove(second.resource_id()),
                NodeEvent::Network(NetEvent::Connected(endpoint, _)) => {
                    assert!(endpoint != second || !is_removed, "told of after it was removed");
                }
                NodeEvent::Signal(_) => handler.stop(),
                other => panic!("{other:?}"),
            });
        }
    }

    // The message behind it has arrived already.
    [framed_tcp ws]
    fn what_a_signal_just_before_pauses_is_told_of_when_it_goes_on(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let frames: Vec<_> = [b"1", b"2", b"3"].map(|text| frame(transport, text)).concat();
        let _peer = RawPeer::connect_with(transport, addr, &frames);
        let (mut paused, mut heard) = (None, Vec::new());
        run(&handler, listener, "three messages", |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => paused = Some(endpoint.resource_id()),
            NodeEvent::Network(NetEvent::Message(_, message)) => {
                heard.extend_from_slice(message);
                match heard.len() {
                    1 => handler.signals().send_with_priority(Signal::Step(0)),
                    2 => assert_eq!(paused, None, "a message while it is paused"),
                    _ => handler.stop(),
                }
            }
            NodeEvent::Signal(Signal::Step(0)) => {
                assert!(handler.network().pause(paused.unwrap()));
                handler.signals().send_with_timer(Signal::Step(1), WHILE);
            }
            NodeEvent::Signal(_) => assert!(handler.network().resume(paused.take().unwrap())),
            other => panic!("{other:?}"),
        });
        assert_eq!(heard, b"123");
    }

    // Each signal sends the next; one of them removes, at another moment each time.
    [tcp framed_tcp ws]
    fn the_end_of_what_a_signal_just_before_removes_is_not_told(transport) {
        const SIGNALS: usize = 100;
        for number in 0..SIGNALS {
            let (handler, listener) = split();
            let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
            // All that it says, and its end, has arrived when the loop begins.
            drop(RawPeer::connect_with(transport, addr, &frame(transport, b"bye")));
            let (mut accepted, mut is_removed) = (None, false);
            run(&handler, listener, "the last signal", |event| match event {
                NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => accepted = Some(endpoint),
                NodeEvent::Network(NetEvent::Message(..)) => {
                    handler.signals().send_with_priority(Signal::Step(0));
                }
                NodeEvent::Network(NetEvent::Disconnected(_)) => {
                    assert!(!is_removed, "told of after signal {number} removed it");
                }
                NodeEvent::Signal(Signal::Step(SIGNALS)) => handler.stop(),
                NodeEvent::Signal(Signal::Step(step)) => {
                    if step == number {
                        handler.network().remove(accepted.unwrap().resource_id());
                        is_removed = true;
                    }
                    handler.signals().send_with_priority(Signal::Step(step + 1));
                }
                other => panic!("{other:?}"),
            });
        }
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn the_address_of_a_listener_is_free_when_remove_returns(transport) {
        const TIMES: usize = 250;
        // Where no other program is given the port as it becomes free.
        const OWN: &str = if cfg!(target_os = "linux") { "127.3.7.1:0" } else { LOCALHOST };
        let (handler, listener) = split();
        let inner = handler.clone();
        let (tell, told) = mpsc::channel();
        let listen_and_remove = move |handler: &Handler| {
            let (id, addr) = handler.network().listen(transport, OWN).unwrap();
            assert!(handler.network().remove(id));
            assert_free(transport, addr);
        };
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Signal(Signal::Step(number)) = event {
                listen_and_remove(&inner);
                // The loop knows it by now.
                let (id, addr) = inner.network().listen(transport, OWN).unwrap();
                tell.send((id, addr)).unwrap();
                if number % 2 == 0 {
                    thread::sleep(Duration::from_micros(500)); // And stands still.
                }
            }
        });
        for number in 0..TIMES {
            listen_and_remove(&handler);
            handler.signals().send(Signal::Step(number));
            let (id, addr) = told.recv_timeout(DEADLINE).unwrap();
            assert!(handler.network().remove(id));
            assert_free(transport, addr);
        }
        handler.stop();
        task.wait();
    }
}

/// Nobody runs the loop while it fails, and so the program has not been told.
#[test]
fn a_connect_that_failed_unseen_can_be_removed() {
    in_time(|| {
        let (network, mut processor) = network::split();
        let addr = TcpListener::bind(LOCALHOST).unwrap().local_addr().unwrap();
        let (endpoint, _) = network.connect(Transport::Tcp, addr).unwrap();
        eventually("the refusal", || network.is_ready(endpoint.resource_id()).is_none());
        assert!(network.remove(endpoint.resource_id()));
        assert!(!network.remove(endpoint.resource_id()));
        processor.process_poll_event(Some(Duration::ZERO), |event| panic!("{event:?}"));
    });
}

#[test]
fn one_that_is_removed_before_it_is_ready_and_then_fails_says_why_its_messages_went_nowhere() {
    for &transport in Transport::STREAMS {
        let addr = TcpListener::bind(LOCALHOST).unwrap().local_addr().unwrap();
        let (handler, listener) = split();
        let (tell, told) = mpsc::channel();
        let inner = handler.clone();
        let mut task = listener.for_each_async(move |event| {
            let NodeEvent::Signal(_) = event else { panic!("{event:?}") };
            let network = inner.network();
            let (endpoint, _) = network.connect(transport, addr).unwrap();
            assert_eq!(network.send(endpoint, b"to nobody"), SendStatus::Sent);
            assert!(network.remove(endpoint.resource_id()));
            tell.send(endpoint).unwrap();
        });
        handler.signals().send(Signal::Step(0));
        let endpoint = told.recv().unwrap();
        eventually("it is forgotten", || handler.network().stats().endpoints == 0);
        let reason = handler.network().close_reason(endpoint);
        assert_eq!(reason, Some(CloseReason::Refused), "{transport}");
        handler.stop();
        task.wait();
    }
}

#[test]
fn an_end_that_was_kept_of_what_a_paused_listener_did_not_tell_of_is_not_told() {
    for is_removed in [false, true] {
        let (network, mut processor) = network::split();
        let limits = Limits::default().with_linger(WHILE / 4);
        let config = WsListenConfig::default().with_max_lifetime(WHILE / 2).with_limits(limits);
        let (listener, addr) = network.listen(config, LOCALHOST).unwrap();
        let mut peers = [(); 2].map(|()| TcpStream::connect(addr).unwrap());
        while network.stats().endpoints < 2 {
            processor.process_poll_event(Some(WHILE), |event| panic!("{event:?}"));
        }
        // Both are ready in one turn.
        peers.iter_mut().for_each(|peer| peer.write_all(REQUEST).unwrap());
        let mut first = None;
        processor.process_poll_event(None, |event| {
            let NetEvent::Accepted(endpoint, _) = event else { panic!("{event:?}") };
            network.pause(listener);
            first = Some(endpoint);
        });
        // Runs the loop, which tells of nothing meanwhile.
        let silent = TcpListener::bind(LOCALHOST).unwrap();
        let limits = Limits::default().with_handshake_timeout(2 * WHILE);
        let nobody = connecting(Transport::Ws, limits);
        network.connect_sync(&*nobody, silent.local_addr().unwrap()).unwrap_err();
        assert!(if is_removed { network.remove(listener) } else { network.resume(listener) });
        network.is_ready(first.unwrap().resource_id());
        let mut ended = Vec::new();
        processor.process_poll_events_until_timeout(WHILE, |event| match event {
            NetEvent::Disconnected(endpoint) => ended.push(endpoint),
            other => panic!("{other:?}"),
        });
        assert_eq!(ended, Vec::from_iter(first));
        drop(peers);
    }
}

#[test]
fn the_end_of_what_a_paused_listener_did_not_tell_of_is_not_told() {
    let (handler, listener) = split();
    let limits = Limits::default().with_linger(WHILE); // The peers don't answer.
    let config = WsListenConfig::default().with_max_lifetime(WHILE).with_limits(limits);
    let (_, addr) = handler.network().listen(config, LOCALHOST).unwrap();
    // They wait to be accepted, and so are accepted at once.
    let peers: Vec<_> = (0..2).map(|_| RawPeer::connect_with(Transport::Ws, addr, b"")).collect();
    let (mut accepted, mut ended) = (Vec::new(), Vec::new());
    run(&handler, listener, "the end of both", |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, listener)) => {
            accepted.push(endpoint);
            handler.network().pause(listener);
        }
        NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
            ended.push(endpoint);
            handler.signals().send_with_timer(Signal::Step(0), WHILE);
        }
        NodeEvent::Signal(_) if handler.network().stats().endpoints > 1 => {
            handler.signals().send_with_timer(Signal::Step(0), WHILE);
        }
        NodeEvent::Signal(_) => handler.stop(),
        other => panic!("{other:?}"),
    });
    assert_eq!(ended, accepted);
    assert_eq!(ended.len(), 1);
    drop(peers);
}
