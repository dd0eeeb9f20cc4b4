//! An idle node does nothing and owns next to nothing. Alone in its process, for it counts.
#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent};

use support::system::{descriptors, fall_asleep, this_thread, threads, voluntary_switches};
use support::{ANY_PORT, DEADLINE};

const IDLE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 2 } else { 5 });

#[test]
fn an_idle_node_never_wakes_and_has_no_thread_and_few_descriptors() {
    let (fds_before, threads_before) = (descriptors(), threads());
    let (handler, listener) = node::split::<()>();
    let fds = descriptors() - fds_before;
    assert!(fds <= 4, "a bare node has {fds} descriptors");
    assert_eq!(threads(), threads_before, "a bare node has no thread");

    let mut expected = 0;
    for &transport in Transport::ALL {
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
        handler.network().send(endpoint, b"hello");
        expected += if transport.is_connection_oriented() { 3 } else { 2 };
    }
    let (sender, receiver) = mpsc::channel();
    let runner = thread::spawn(move || {
        sender.send(this_thread()).unwrap();
        let mut events = 0;
        listener.for_each(|event| {
            if let NodeEvent::Network(event) = event {
                assert!(!matches!(
                    event,
                    NetEvent::Connected(_, false) | NetEvent::Disconnected(_)
                ));
                events += 1;
            }
            if events == expected {
                sender.send(String::new()).unwrap();
            }
        });
    });
    let thread = receiver.recv_timeout(DEADLINE).unwrap();
    receiver.recv_timeout(DEADLINE).expect("everybody is connected and has said hello");
    assert_eq!(threads(), threads_before + 1, "no thread but the one that runs the loop");

    fall_asleep(&thread);
    let before = (voluntary_switches(&thread), handler.network().stats().wake_ups);
    thread::sleep(IDLE);
    let after = (voluntary_switches(&thread), handler.network().stats().wake_ups);
    assert_eq!(after, before, "it woke within {IDLE:?} of idling");

    handler.stop();
    runner.join().unwrap();
    drop(handler); // Which can ring as long as it lives.
    assert_eq!(descriptors(), fds_before, "everything is closed");
}
