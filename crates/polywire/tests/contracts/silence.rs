//! No `Message` after `Disconnected`, and none after `remove` returned, not even from bytes
//! already read.
//!
//! This is E4 of `docs/contracts.md`.

use std::collections::HashSet;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::common::*;

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn nothing_comes_after_a_remove_in_the_callback_though_it_was_read_already(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        // More than a read takes, so that a byte stream has more messages than one too.
        let messages = frame(transport, &[1; 1000]).repeat(1000);
        let mut removed = None;
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut noisy = RawPeer::connect(transport, addr);
                // The other side ends it, so this may fail.
                let _ = noisy.stream.write_all(&messages);
            });
            run(&handler, listener, "the second client", |event| match event.network() {
                NetEvent::Message(endpoint, _) if removed.is_none() => {
                    assert!(handler.network().remove(endpoint.resource_id()));
                    removed = Some(endpoint);
                    scope.spawn(move || {
                        let mut second = RawPeer::connect(transport, addr);
                        second.send(b"fence");
                        let _ = second.read_to_end(100);
                    });
                }
                NetEvent::Message(endpoint, message) => {
                    assert_ne!(Some(endpoint), removed, "a message after remove");
                    assert_eq!(message, b"fence");
                    handler.stop();
                }
                NetEvent::Disconnected(endpoint) => panic!("{endpoint} was told of"),
                _ => {}
            });
        });
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn nothing_comes_after_a_remove_by_a_signal_that_goes_ahead_of_it(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let mut from = None;
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut peer = RawPeer::connect(transport, addr);
                peer.stream.write_all(&frame(transport, b"one of two").repeat(2)).unwrap();
                let _ = peer.read_to_end(100);
            });
            run(&handler, listener, "the signals", |event| match event {
                NodeEvent::Network(NetEvent::Message(endpoint, _)) => {
                    assert!(from.is_none(), "a message after remove");
                    from = Some(endpoint);
                    handler.signals().send_with_priority(Signal::Step(0));
                    // This one comes when all that was read has been handed out.
                    handler.signals().send(Signal::Step(1));
                }
                NodeEvent::Signal(Signal::Step(0)) => {
                    let endpoint = from.expect("a message before");
                    assert!(handler.network().remove(endpoint.resource_id()));
                }
                NodeEvent::Signal(_) => handler.stop(),
                NodeEvent::Network(_) => {}
            });
        });
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn nothing_comes_after_a_remove_by_another_thread(transport) {
        // A peer that goes on sending is not listened to for long.
        let limits = Limits::default().with_linger(Duration::from_millis(50));
        for _ in 0..10 {
            let (handler, listener) = split();
            let adapter = listening(transport, limits.clone());
            let (_, addr) = handler.network().listen(&*adapter, LOCALHOST).unwrap();
            let (tell, told) = mpsc::channel();
            let late = AtomicUsize::new(0);
            let is_removed = AtomicBool::new(false);
            let (flag, signals) = (&is_removed, handler.signals());
            let network = handler.network();
            thread::scope(|scope| {
                scope.spawn(move || {
                    let flood = Flood::start(transport, addr);
                    let endpoint: Endpoint = told.recv_timeout(DEADLINE).unwrap();
                    assert!(network.remove(endpoint.resource_id()));
                    flag.store(true, Ordering::SeqCst);
                    flood.wait_for_end();
                    // Twice round the loop after its last byte is behind all that was read.
                    signals.send(Signal::Step(0));
                });
                run(&handler, listener, "the end", |event| match event {
                    NodeEvent::Network(NetEvent::Message(endpoint, _)) => {
                        if is_removed.load(Ordering::SeqCst) {
                            late.fetch_add(1, Ordering::SeqCst);
                        }
                        let _ = tell.send(endpoint);
                    }
                    NodeEvent::Network(NetEvent::Disconnected(_)) => panic!("told of its end"),
                    NodeEvent::Signal(Signal::Step(1)) => handler.stop(),
                    NodeEvent::Signal(_) => handler.signals().send(Signal::Step(1)),
                    NodeEvent::Network(_) => {}
                });
            });
            // The callback that the loop was just entering may still come.
            assert!(late.into_inner() <= 1);
        }
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn no_message_comes_after_disconnected(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let messages = frame(transport, &[1; 1000]).repeat(300);
        let clients: Vec<_> = (0..20)
            .map(|client| {
                let peer = RawPeer::connect(transport, addr);
                // One that breaks off before is perhaps not accepted at all.
                assert_eq!(node.accepted().addr(), peer.addr());
                (client, peer)
            })
            .collect();
        let threads: Vec<_> = clients
            .into_iter()
            .map(|(client, mut peer)| {
                let messages = messages.clone();
                thread::spawn(move || {
                    peer.stream.write_all(&messages).unwrap();
                    // Half of them say all they have to say, half of them break off.
                    if client % 2 == 0 { drop(peer) } else { peer.reset() }
                })
            })
            .collect();
        let mut over = HashSet::new();
        while over.len() < 20 {
            match node.next("twenty Disconnected") {
                StoredNetEvent::Message(endpoint, _) => assert!(!over.contains(&endpoint)),
                StoredNetEvent::Disconnected(endpoint) => assert!(over.insert(endpoint), "twice"),
                _ => {}
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }
}
