//! A node that ended has given back every descriptor. Alone in its program, for those that others
//! open meanwhile would be counted.
#![cfg(target_os = "linux")]

mod common;

use common::*;

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Has connections of every kind and at every stage when the node ends.
fn live(transport: Transport, end: impl FnOnce(&Handler, NodeListener<Signal>)) {
    let echo = Echo::start(transport);
    let closed = ClosedPort::new();
    let (handler, listener) = split();
    let network = handler.network();
    let (_, own) = network.listen(transport, LOCALHOST).unwrap();
    network.connect_sync(transport, echo.addr).unwrap();
    let _ = network.connect(transport, closed.addr);
    let _ = network.connect_sync(transport, closed.addr);
    for _ in 0..10 {
        network.connect(transport, own).unwrap();
        network.connect(transport, echo.addr).unwrap();
    }
    let (removed, _) = network.connect(transport, echo.addr).unwrap();
    network.send(removed, b"hello");
    network.remove(removed.resource_id());
    // One that never says a word.
    let _silent = transport.is_connection_oriented().then(|| RawPeer::open(transport, own));
    end(&handler, listener);
}

/// Runs the node until an echo came back to a connection made inside the callback.
fn run_for_a_while(handler: &Handler, listener: NodeListener<Signal>, transport: Transport) {
    let echo = Echo::start(transport);
    let mut inside = None;
    handler.signals().send(Signal::Step(0));
    run(handler, listener, "an echo", |event| match event {
        NodeEvent::Signal(_) => {
            let (client, _) = handler.network().connect_sync(transport, echo.addr).unwrap();
            handler.network().send(client, b"echo");
            inside = Some(client);
        }
        NodeEvent::Network(NetEvent::Message(from, _)) if Some(from) == inside => handler.stop(),
        NodeEvent::Network(_) => {}
    });
    assert!(!handler.is_running());
}

fn panic_in_the_callback(handler: &Handler, listener: NodeListener<Signal>) {
    handler.signals().send(Signal::Step(0));
    let run = || listener.for_each(|_| std::panic::resume_unwind(Box::new("on purpose")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    assert!(!handler.is_running());
}

fn live_and_die_in_every_way() {
    for &transport in Transport::ALL {
        live(transport, |handler, listener| run_for_a_while(handler, listener, transport));
        live(transport, |_, listener| drop(listener));
        live(transport, panic_in_the_callback);
    }
}

#[test]
fn nodes_that_ended_leave_no_descriptor_behind() {
    in_time(|| {
        // What the standard library opens once and keeps is not counted.
        live_and_die_in_every_way();
        let before = open_descriptors();
        live_and_die_in_every_way();
        assert_eq!(open_descriptors(), before);
    });
}
