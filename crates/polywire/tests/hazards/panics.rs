//! A panic of the callback ends the node, tells it and leaves nobody waiting.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

use polywire::CloseReason;
use polywire::network::{NetEvent, SendStatus};
use polywire::node::{self, NodeEvent};

use crate::support::peers::{self, Unanswering};
use crate::support::{ANY_PORT, DEADLINE, RawStream, Transport, assert_free, eventually, in_time};

const PAYLOAD: &str = "the callback's own panic";

/// Panics without the noise on the standard error.
fn panic_quietly() -> ! {
    resume_unwind(Box::new(PAYLOAD))
}

/// Has something that was sent to `addr` begin the panic, and returns the peer's socket.
fn provoke(transport: Transport, addr: SocketAddr) -> Option<RawStream> {
    if transport == Transport::Udp {
        UdpSocket::bind(ANY_PORT).unwrap().send_to(b"x", addr).unwrap();
        return None;
    }
    let mut peer = peers::open_any(transport, addr);
    peer.write_all(&peers::frame(transport, b"x")).unwrap();
    Some(peer)
}

fn panicking_callback(event: &NodeEvent<'_, ()>) {
    if let NodeEvent::Network(NetEvent::Message(..)) = event {
        panic_quietly();
    }
}

#[test]
fn a_panic_in_the_callback_unwinds_out_of_for_each_with_sockets_closed() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let runner = thread::spawn(move || {
            let run = || listener.for_each(|event| panicking_callback(&event));
            let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
            assert!(!handler.is_running());
            assert_eq!(handler.network().stats().endpoints, 0);
            assert_free(transport, addr);
            assert!(handler.network().connect(transport, addr).is_err(), "the node has ended");
            payload.downcast_ref::<&str>().copied()
        });
        if let Some(mut peer) = provoke(transport, addr) {
            peers::read_to_the_end(&mut peer);
        }
        let payload = in_time(move || runner.join().unwrap());
        assert_eq!(payload, Some(PAYLOAD), "{transport}");
    }
}

#[test]
fn a_panic_in_the_callback_of_for_each_async_comes_out_of_wait() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let mut task = listener.for_each_async(|event| panicking_callback(&event));
        if let Some(mut peer) = provoke(transport, addr) {
            peers::read_to_the_end(&mut peer);
        }
        let payload = in_time(move || {
            let payload = catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err();
            task.wait();
            payload.downcast_ref::<&str>().copied()
        });
        assert_eq!(payload, Some(PAYLOAD), "{transport}");
        assert!(!handler.is_running());
        assert_free(transport, addr);
    }
}

#[test]
fn what_a_callback_listens_at_before_it_panics_is_closed() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (tell, told) = mpsc::channel();
        let inner = handler.clone();
        let mut task = listener.for_each_async(move |_| {
            let (_, addr) = inner.network().listen(transport, ANY_PORT).unwrap();
            tell.send(addr).unwrap();
            panic_quietly();
        });
        handler.signals().send(());
        in_time(move || catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err());
        // The handle lives on.
        assert_free(transport, told.recv().unwrap());
    }
}

#[test]
fn a_panic_at_a_signal_releases_a_thread_that_waits_to_send() {
    Transport::FramedTcp.each_way().for_each(panic_beside_a_thread_that_waits_to_send);
}

fn panic_beside_a_thread_that_waits_to_send(transport: Transport) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
    let (sender, accepted) = mpsc::channel();
    let mut task = listener.for_each_async(move |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => sender.send(endpoint).unwrap(),
        NodeEvent::Network(_) => {}
        NodeEvent::Signal(()) => panic_quietly(),
    });
    let _peer = peers::open_any(transport, addr);
    let endpoint = accepted.recv_timeout(DEADLINE).unwrap();
    let inner = handler.clone();
    let message = vec![0; 1 << 20];
    let fill = thread::spawn(
        move || {
            while inner.network().send(endpoint, &message) == SendStatus::Sent {}
        },
    );
    eventually("the outbox is full", || handler.network().stats().queued_bytes > 1 << 20);
    handler.signals().send(());
    in_time(move || fill.join().unwrap());
    in_time(move || catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err());
}

#[test]
fn a_panic_at_a_signal_releases_a_thread_that_waits_to_connect() {
    let unanswering = Unanswering::new();
    let (handler, listener) = node::split::<()>();
    let mut task = listener.for_each_async(|_| panic_quietly());
    let (inner, addr) = (handler.clone(), unanswering.addr);
    let connect = thread::spawn(move || inner.network().connect_sync(Transport::Tcp, addr));
    eventually("it waits", || handler.network().stats().endpoints == 1);
    handler.signals().send(());
    let error = in_time(move || connect.join().unwrap()).unwrap_err();
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::NodeStopped));
    in_time(move || catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err());
}
