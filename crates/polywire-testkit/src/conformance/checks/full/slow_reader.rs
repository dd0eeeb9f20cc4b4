//! A peer that reads slowly.

use std::thread;
use std::time::{Duration, Instant};

use crate::conformance::node::*;

/// The stall timeout under test.
const STALL: Duration = Duration::from_millis(600);
const MESSAGES: usize = HARD_LIMIT / MESSAGE - 4;

/// E3: a peer that reads slowly is not stalled.
pub fn a_peer_that_reads_slowly_lives(subject: &Subject) {
    // A machine that stands still for a moment makes a stall of its own: once more then, with more time.
    let stalls = [STALL, 4 * STALL, 16 * STALL];
    let lives = stalls.into_iter().any(|stall| lives(subject, stall));
    assert!(lives, "a machine that stands still all the time");
}

/// Reads slowly for longer than `stall`. Returns false if a read came so late that the peer may be stalled by right.
fn lives(subject: &Subject, stall: Duration) -> bool {
    let (start, mut began, mut left) = (Instant::now(), Instant::now(), MESSAGES * MESSAGE);
    let pair = slow_pair(subject, stall);
    // The loop looks by and by, and finds a stall a little later.
    while start.elapsed() < stall + stall / 2 && left > 2 * SOFT_MARK {
        thread::sleep(stall / 8);
        let read = read_on(subject, &pair);
        let reason = pair.server.network().close_reason(pair.to_client);
        if began.elapsed() > stall / 3 {
            return false;
        }
        began = Instant::now();
        assert_eq!(reason, None);
        left = left.saturating_sub(read.unwrap_or_else(|event| panic!("{event} of a slow reader")));
    }
    true
}

/// A server with much to send, and a client that takes one message, or what one read finds, at a time.
fn slow_pair(subject: &Subject, stall: Duration) -> Pair {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            for _ in 0..MESSAGES {
                assert_eq!(handler.network().send(*endpoint, &[7; MESSAGE]), SendStatus::Sent);
            }
        }
    });
    let client = Node::with(subject, |handler, event| {
        if let NetEvent::Connected(endpoint, true) | NetEvent::Message(endpoint, _) = event {
            handler.network().pause(endpoint.resource_id());
        }
    });
    let limits = small_limits().with_stall_timeout(stall).with_linger(Duration::ZERO);
    Pair::of(&subject.limited(limits), server, client)
}

/// Has the client read as much as a system holds that makes room only when most of it is read. Returns the bytes, or what
/// comes instead.
fn read_on(subject: &Subject, pair: &Pair) -> Result<usize, String> {
    let mut bytes = 0;
    while bytes < 4 * MESSAGE {
        pair.client.network().resume(pair.to_server.resource_id());
        match pair.client.next_within(subject.deadline()) {
            Some(StoredNetEvent::Message(_, message)) => bytes += message.len(),
            Some(event) => return Err(pair.client.shown(&event)),
            None => panic!("nothing came of what was sent"),
        }
    }
    Ok(bytes)
}
