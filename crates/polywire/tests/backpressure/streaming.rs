//! Much to send to a peer that reads slowly: all of it arrives, in order, and little of it ever
//! waits here.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use polywire::WhenFull;
use polywire::node::NodeTask;

use crate::common::*;
use crate::peers::{
    Bytes, HARD_LIMIT, MESSAGE, SOFT_MARK, Side, among_others, limits, ready_endpoint,
};

/// Of a build without optimization, WebSocket's masks ask for much.
const STREAM: usize = if cfg!(debug_assertions) { 32 << 20 } else { 64 << 20 };

/// A node on either side that does not read before its sender has to wait, takes its time then,
/// compares the stream with what it must be, and ends at its end.
fn slow_reader(
    transport: Transport,
    side_of_sender: Side,
    sender: &Handler,
    limits: Limits,
) -> NodeTask {
    let (reader, listener) = split();
    match side_of_sender {
        Side::Connected => {
            let (_, addr) = reader.network().listen(transport, LOCALHOST).unwrap();
            sender.network().connect(&*connecting(transport, limits), addr).unwrap();
        }
        Side::Accepted => {
            let addr: SocketAddr =
                sender.network().listen(&*listening(transport, limits), LOCALHOST).unwrap().1;
            reader.network().connect(transport, addr).unwrap();
        }
    }
    let (bytes, mut received) = (Bytes::new(), 0);
    let sender = sender.clone();
    listener.for_each_async(move |event| match event {
        NodeEvent::Network(NetEvent::Message(_, part)) => {
            if received == 0 {
                let queued = || sender.network().stats().queued_bytes;
                eventually("a sender that has to wait", || queued() > SOFT_MARK);
            }
            for part in part.chunks(MESSAGE) {
                assert!(part == bytes.at(received, part.len()), "other bytes from {received} on");
                if received >> 20 != (received + part.len()) >> 20 {
                    thread::sleep(Duration::from_millis(5));
                }
                received += part.len();
            }
            if received == STREAM {
                reader.stop();
            }
        }
        NodeEvent::Network(NetEvent::Disconnected(_)) => panic!("ended after {received} bytes"),
        _ => {}
    })
}

/// Streams in a plain loop of sends in the callback.
fn stream_in_a_plain_loop(transport: Transport, side: Side) {
    let _busy = among_others();
    let (handler, listener) = split();
    let mut reader = slow_reader(transport, side, &handler, limits(WhenFull::Wait));
    let bytes = Bytes::new();
    run_within(3 * DEADLINE, &handler, listener, "the end of the stream", |event| {
        if let Some(endpoint) = ready_endpoint(&event) {
            let mut most_queued = 0;
            for position in (0..STREAM).step_by(MESSAGE) {
                let message = bytes.at(position, MESSAGE);
                assert_eq!(handler.network().send(endpoint, message), SendStatus::Sent);
                most_queued = most_queued.max(handler.network().stats().queued_bytes);
            }
            assert!(most_queued > SOFT_MARK, "it never had to wait: {most_queued}");
            // The header of the last message comes on top.
            assert!(most_queued <= HARD_LIMIT + 16, "{most_queued} bytes waited");
            handler.stop_when_drained(DEADLINE);
        } else if let NodeEvent::Network(NetEvent::Disconnected(endpoint)) = event {
            panic!("{:?}", handler.network().close_reason(endpoint));
        }
    });
    reader.wait();
}

/// Sends as much as `try_send` takes, and asks for a signal when it takes none.
fn send_what_fits(handler: &Handler, endpoint: Endpoint, bytes: &Bytes, position: &mut usize) {
    while *position < STREAM {
        match handler.network().try_send(endpoint, bytes.at(*position, MESSAGE)) {
            SendStatus::Sent => *position += MESSAGE,
            SendStatus::Full => {
                assert!(handler.send_signal_when_writable(endpoint, Signal::Step(0)));
                return;
            }
            other => panic!("{other:?} after {position} bytes"),
        }
    }
    handler.stop_when_drained(DEADLINE);
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_plain_loop_of_sends_runs_at_the_speed_of_the_peer(transport) {
        stream_in_a_plain_loop(transport, Side::Connected);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn so_it_does_on_an_accepted_connection_if_configured(transport) {
        stream_in_a_plain_loop(transport, Side::Accepted);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_program_that_only_tries_to_send_and_waits_for_its_signal_streams_in_order(transport) {
        let _busy = among_others();
        let (handler, listener) = split();
        let limits = limits(WhenFull::Disconnect);
        let mut reader = slow_reader(transport, Side::Accepted, &handler, limits);
        let (bytes, mut position, mut signals) = (Bytes::new(), 0, 0);
        let mut peer = None;
        run_within(3 * DEADLINE, &handler, listener, "the end of the stream", |event| {
            if let Some(endpoint) = ready_endpoint(&event) {
                peer = Some(endpoint);
                send_what_fits(&handler, endpoint, &bytes, &mut position);
            } else if let NodeEvent::Signal(_) = event {
                signals += 1;
                let queued = handler.network().stats().queued_bytes;
                assert!(queued <= SOFT_MARK, "a signal while {queued} bytes wait");
                send_what_fits(&handler, peer.unwrap(), &bytes, &mut position);
            }
        });
        assert!(signals > 0, "it never had to wait");
        assert_eq!(position, STREAM);
        reader.wait();
    }
}
