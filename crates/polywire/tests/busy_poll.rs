//! A node that is told to ask rather than sleep: it does so for its time, and then sleeps.
#![cfg(target_os = "linux")]

mod alone;
mod support;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use support::system::{this_thread, voluntary_switches};
use support::{ANY_PORT, DEADLINE, Stopping};

const TIME: Duration = Duration::from_millis(200);

/// A node that polls busily and sends its signals back, and the thread it runs on.
fn busy_node(time: Duration) -> (NodeHandler<u32>, NodeTask, mpsc::Receiver<u32>, String) {
    let (handler, listener) = node::split();
    handler.network().set_busy_poll(time);
    let (tell, told) = mpsc::channel();
    let (tell_thread, thread) = mpsc::channel();
    let (inner, mut first) = (handler.clone(), true);
    handler.signals().send(0);
    let task = listener.for_each_async(move |event| {
        if std::mem::take(&mut first) {
            tell_thread.send(this_thread()).unwrap();
        }
        match event {
            NodeEvent::Signal(signal) => tell.send(signal).unwrap(),
            NodeEvent::Network(NetEvent::Message(from, message)) => {
                inner.network().send(from, message);
            }
            NodeEvent::Network(_) => {}
        }
    });
    assert_eq!(told.recv_timeout(DEADLINE), Ok(0));
    let thread = thread.recv_timeout(DEADLINE).unwrap();
    (handler, task, told, thread)
}

#[test]
fn it_asks_for_its_time_and_sleeps_afterwards() {
    let (handler, _task, told, thread) = busy_node(TIME);
    let _stopping = Stopping(handler.clone());
    thread::sleep(2 * TIME);
    let ran = alone::ran(&thread);
    handler.signals().send(1);
    assert_eq!(told.recv_timeout(DEADLINE), Ok(1));
    thread::sleep(2 * TIME);
    let asked = Duration::from_nanos(alone::ran(&thread) - ran);

    let before = (voluntary_switches(&thread), handler.network().stats().wake_ups);
    thread::sleep(TIME);
    let after = (voluntary_switches(&thread), handler.network().stats().wake_ups);
    // How much of its time it gets is the system's choice.
    if !cfg!(polywire_sanitized) {
        assert!(asked >= TIME / 20 && asked < TIME + TIME / 2, "{asked:?}");
    }
    assert_eq!(after, before, "it sleeps");
}

#[test]
fn signals_timers_messages_and_stop_are_seen_while_it_asks() {
    let (handler, mut task, told, thread) = busy_node(Duration::MAX);
    let _stopping = Stopping(handler.clone());
    let before = (handler.network().stats().wake_ups, voluntary_switches(&thread));
    for signal in 0..100 {
        handler.signals().send(signal);
        assert_eq!(told.recv_timeout(DEADLINE), Ok(signal));
    }
    let start = Instant::now();
    handler.signals().send_with_timer(7, Duration::from_millis(5));
    assert_eq!(told.recv_timeout(DEADLINE), Ok(7));
    assert!(start.elapsed() >= Duration::from_millis(5));
    for &transport in Transport::ALL {
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let (client, listener) = node::split::<()>();
        let (server, _) = client.network().connect(transport, addr).unwrap();
        client.network().send(server, b"hello");
        listener.for_each(|event| match event.network() {
            NetEvent::Message(_, message) => {
                assert_eq!(message, b"hello");
                client.stop();
            }
            NetEvent::Connected(_, true) => {}
            other => panic!("{other:?}"),
        });
    }
    let after = (handler.network().stats().wake_ups, voluntary_switches(&thread));
    assert_eq!(after.0, before.0, "it never slept");
    // A lock that another thread holds, or a page that is not there, may cost it a switch or two;
    // sleeping would have cost one for each signal.
    assert!(after.1 - before.1 < 50, "{} switches", after.1 - before.1);
    handler.stop();
    task.wait();
}
