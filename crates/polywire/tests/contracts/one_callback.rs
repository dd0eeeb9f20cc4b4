//! The callback is never entered twice at a time and never re-entered.
//!
//! This is E6 of `docs/contracts.md`.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::*;

/// Set while the callback runs.
struct Guard<'a>(&'a AtomicBool);

impl<'a> Guard<'a> {
    fn enter(inside: &'a AtomicBool) -> Self {
        assert!(!inside.swap(true, Ordering::SeqCst), "the callback was entered twice");
        Self(inside)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Connects, sends, removes and signals, until the node is stopped.
fn be_busy(handler: &Handler, transport: Transport, addr: SocketAddr) {
    let network = handler.network();
    while handler.is_running() {
        let Ok((endpoint, _)) = network.connect(transport, addr) else { return };
        for _ in 0..10 {
            network.send(endpoint, b"from a thread");
        }
        handler.signals().send(Signal::Step(0));
        handler.signals().send_with_priority(Signal::Step(0));
        handler.signals().send_with_timer(Signal::Step(0), std::time::Duration::ZERO);
        network.flush(endpoint);
        network.remove(endpoint.resource_id());
    }
}

over_transports! {
    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn the_callback_is_entered_once_at_a_time_whatever_other_threads_do(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let inside = AtomicBool::new(false);
        let thread = thread::current().id();
        let mut events = 0;
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| be_busy(&handler, transport, addr));
            }
            run(&handler, listener, "a thousand events", |_| {
                let _guard = Guard::enter(&inside);
                assert_eq!(thread::current().id(), thread);
                events += 1;
                if events == 1000 {
                    handler.stop();
                }
            });
        });
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn nothing_that_the_callback_calls_enters_it_again(transport) {
        let echo = Echo::start(transport);
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let inside = AtomicBool::new(false);
        let socket = UdpSocket::bind(LOCALHOST).unwrap();
        handler.signals().send(Signal::Step(0));
        run(&handler, listener, "twenty rounds", |event| {
            let _guard = Guard::enter(&inside);
            let NodeEvent::Signal(step) = event else { return };
            let network = handler.network();
            let (own, _) = network.connect(transport, addr).unwrap();
            let (other, _) = network.connect_sync(transport, echo.addr).unwrap();
            let (id, udp) = network.listen(Transport::Udp, LOCALHOST).unwrap();
            socket.send_to(b"arrives at once", udp).unwrap();
            for endpoint in [own, other] {
                network.send(endpoint, b"hello");
                network.try_send(endpoint, b"hello");
                network.flush(endpoint);
            }
            network.remove(id);
            network.remove(own.resource_id());
            let Signal::Step(round) = step else { return };
            if round == 20 {
                handler.stop();
            }
            handler.signals().send_with_priority(Signal::Step(round + 1));
        });
    }
}
