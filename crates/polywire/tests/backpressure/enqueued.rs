//! A program that takes events out of a queue, slower than they come.

use std::thread;
use std::time::Duration;

use polywire::NodeLimits;
use polywire::node::StoredNodeEvent;

use crate::common::*;
use crate::peers::{Bytes, MESSAGE};

const MAX: usize = 1 << 20;
const STREAM: usize = 16 << 20;

#[test]
fn a_node_whose_queue_nobody_takes_from_any_more_stops() {
    let (handler, listener) = split();
    let (mut task, events) = listener.enqueue();
    drop(events);
    assert!(!handler.is_running());
    task.wait();
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_queue_that_nobody_takes_from_stays_small_and_loses_nothing(transport) {
        let (handler, listener) = split();
        handler.network().set_limits(&NodeLimits::default().with_max_enqueued(MAX));
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let (mut task, mut events) = listener.enqueue();
        let sender = thread::spawn(move || {
            let (bytes, mut peer) = (Bytes::new(), RawPeer::connect(transport, addr));
            for position in (0..STREAM).step_by(MESSAGE) {
                peer.send(bytes.at(position, MESSAGE));
            }
            peer
        });
        let read = || handler.network().stats().bytes_in as usize;
        eventually("a full queue", || read() > MAX - (64 << 10));
        thread::sleep(Duration::from_millis(100)); // More would come, if it were to.
        assert!(read() <= MAX + (256 << 10), "{} bytes were read and not taken", read());

        // It is held and let go again and again.
        let (bytes, mut received) = (Bytes::new(), 0);
        while received < STREAM {
            match events.receive_timeout(DEADLINE).expect("the rest") {
                StoredNodeEvent::Network(StoredNetEvent::Message(_, part)) => {
                    for part in part.chunks(MESSAGE) {
                        assert!(part == bytes.at(received, part.len()), "from {received} on");
                        received += part.len();
                    }
                }
                StoredNodeEvent::Network(StoredNetEvent::Accepted(..)) => {}
                other => panic!("{other:?} after {received} bytes"),
            }
        }
        drop(sender.join().unwrap());
        handler.stop();
        task.wait();
    }
}
