//! The callback is never entered twice at a time and never again from inside.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::conformance::node::*;

/// E6: whatever other threads do, the callback is entered once at a time.
pub fn the_callback_is_entered_once_at_a_time_whatever_other_threads_do(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).unwrap();
    let inside = AtomicBool::new(false);
    let mut events = 0;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let network = handler.network();
                while handler.is_running() {
                    let Ok((endpoint, _)) = subject.connect(network, &addr) else { continue };
                    for _ in 0..10 {
                        network.send(endpoint, b"from a thread");
                    }
                    handler.signals().send(());
                    handler.signals().send_with_priority(());
                    handler.signals().send_with_timer((), Duration::ZERO);
                    network.flush(endpoint);
                    network.remove(endpoint.resource_id());
                }
            });
        }
        listener.for_each(|_| {
            assert!(!inside.swap(true, Ordering::SeqCst), "the callback was entered twice");
            events += 1;
            if events == 400 {
                handler.stop();
            }
            inside.store(false, Ordering::SeqCst);
        });
    });
}

/// E6: nothing that the callback calls enters it again, `connect_sync` among them.
pub fn nothing_that_the_callback_calls_enters_it_again(subject: &Subject) {
    let echo = Node::echo(subject);
    let (_, elsewhere) = echo.listen(subject);
    let (handler, listener) = node::split::<u32>();
    let (_, addr) = subject.listen(handler.network()).unwrap();
    handler.signals().send(0);
    let inside = Cell::new(false);
    listener.for_each(|event| {
        assert!(!inside.replace(true), "the callback was entered again");
        if let NodeEvent::Signal(round) = event {
            let network = handler.network();
            let (own, _) = subject.connect(network, &addr).unwrap();
            let (other, _) = subject.connect_sync(network, &elsewhere).unwrap();
            for endpoint in [own, other] {
                network.send(endpoint, b"hello");
                network.try_send(endpoint, b"hello");
                network.flush(endpoint);
            }
            network.remove(own.resource_id());
            if round == 20 {
                handler.stop();
            }
            handler.signals().send(round + 1);
        }
        inside.set(false);
    });
}
