//! Peers that take nothing of what waits for them, and peers that take it slowly.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use polywire::WhenFull;

use crate::common::*;
use crate::peers::{MESSAGE, NonReader, SOFT_MARK, Side, limits, ready_endpoint};
use crate::support::{Node, peers};

const STALL: Duration = Duration::from_millis(400);

#[test]
fn a_peer_that_takes_nothing_ends_though_nobody_waits_for_it() {
    at_once(peers::STREAMS.map(Transport::from), ends_though_nobody_waits_for_it);
}

fn ends_though_nobody_waits_for_it(transport: Transport) {
    for side in [Side::Accepted, Side::Connected] {
        let (handler, listener) = split();
        let limits = limits(WhenFull::Disconnect).with_stall_timeout(STALL);
        let _non_reader = NonReader::of(&handler, transport, side, limits);
        // The system may take some more, by and by, and then there is room; but not again and again.
        let fill = |endpoint| {
            while handler.network().try_send(endpoint, &[7; MESSAGE]) == SendStatus::Sent {}
            handler.signals().send_with_timer(Signal::Step(0), STALL / 4);
        };
        let (mut full_since, mut filled, mut took) = (None, None, None);
        run(&handler, listener, "the end of a peer that takes nothing", |event| {
            if let Some(endpoint) = ready_endpoint(&event) {
                fill(endpoint);
                assert!(handler.network().stats().queued_bytes > SOFT_MARK);
                (full_since, filled) = (Some(Instant::now()), Some(endpoint));
            } else if let NodeEvent::Signal(Signal::Step(_)) = event {
                fill(filled.unwrap());
            } else if let NodeEvent::Network(NetEvent::Disconnected(endpoint)) = event {
                let reason = handler.network().close_reason(endpoint);
                assert_eq!(reason, Some(CloseReason::Stalled), "{transport} {side:?}");
                took = full_since.map(|since: Instant| since.elapsed());
                handler.stop();
            }
        });
        let took = took.unwrap();
        assert!(took >= STALL && took < STALL + Duration::from_secs(5), "{took:?}");
    }
}

const IDLE: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 4 } else { 1 });
const DOWNLOAD: usize = 40 << 20;

#[test]
fn a_peer_that_takes_a_download_slowly_lives() {
    at_once(peers::STREAMS.map(Transport::from), a_slow_download_lives);
}

fn a_slow_download_lives(transport: Transport) {
    let node = Node::with(|handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            handler.network().send(*endpoint, &vec![7; DOWNLOAD]);
        }
    });
    let limits = Limits::default()
        .with_stall_timeout(2 * IDLE)
        .with_idle_timeout(IDLE)
        .with_heartbeat(IDLE / 3);
    // A system that holds much takes nothing for a while and then much at once.
    let tcp = TcpListenConfig::default().with_limits(limits).with_send_buffer_size(64 << 10);
    let (_, addr) = node.listen(&*listening_with(transport, tcp));
    let mut peer = RawPeer::connect(transport, addr);
    let endpoint = node.accepted();
    let mut piece = vec![0; 256 << 10];
    let mut read = 0;
    let start = Instant::now();
    while start.elapsed() < 3 * IDLE {
        read += peer.stream.read(&mut piece).unwrap(); // Never a pong.
        thread::sleep(IDLE / 30);
    }
    assert_eq!(node.network().close_reason(endpoint), None, "{transport}: {read} bytes");
    while read < DOWNLOAD {
        read += peer.stream.read(&mut piece).unwrap();
    }
    // With all of it read, silence is silence.
    assert_eq!(node.disconnected(endpoint), CloseReason::IdleTimeout, "{transport}");
}
