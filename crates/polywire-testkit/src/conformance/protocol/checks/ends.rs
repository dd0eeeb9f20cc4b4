//! What a protocol says beside messages, and how it ends.

use polywire_core::CloseReason;
use polywire_core::stream::{Progress, Protocol};

use super::{Link, ProtocolSubject, Side, messages};

fn is_graceful(reason: &CloseReason) -> bool {
    matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. })
}

/// The peer ends the stream: why the connection ends.
fn end<P: Protocol>(side: &mut Side<P>) -> CloseReason {
    let left = side.left();
    match side.end.take() {
        Some(reason) => reason,
        None => side.protocol.end_of_stream(left),
    }
}

/// E7: a stream that ends inside a message did not end gracefully. E9: until then the message counts as begun.
pub fn a_message_that_is_cut_short_is_no_graceful_end<P: Protocol>(subject: &ProtocolSubject<P>) {
    if !subject.packets {
        return; // A stream of bytes has no inside.
    }
    let link = Link::ready(subject);
    let Some(message) = messages(&link.client.encoder, true).into_iter().max_by_key(Vec::len)
    else {
        return;
    };
    let len = link.client.frame(&message).len();
    for cut in 1..len {
        let mut link = Link::ready(subject);
        let frame = link.client.frame(&message);
        link.server.receive(&frame[..cut.min(frame.len() - 1)]);
        assert!(link.server.messages.is_empty(), "a message of the first {cut} bytes");
        // Who waits for the rest, and what is kept meanwhile, has a limit.
        let is_known = link.server.left() > 0 || link.server.protocol.half_received().is_some();
        assert!(
            is_known || link.server.end.is_some(),
            "`half_received` is `None` after {cut} bytes of {len}"
        );
        let reason = end(&mut link.server);
        assert!(!is_graceful(&reason), "{reason:?} after {cut} bytes of {len}");
    }
}

/// E3 and E7: after `close`, and the end of the stream, the peer knows of a graceful end.
pub fn what_close_says_is_a_graceful_end<P: Protocol>(subject: &ProtocolSubject<P>) {
    for reason in [CloseReason::Removed, CloseReason::NodeStopped] {
        for by_client in [true, false] {
            let mut link = Link::ready(subject);
            let (by, to) = match by_client {
                true => (&mut link.client, &mut link.server),
                false => (&mut link.server, &mut link.client),
            };
            by.say(|protocol, cx| protocol.close(&reason, cx));
            let said = std::mem::take(&mut by.out);
            to.receive(&said);
            let told = end(to);
            assert!(is_graceful(&told), "{told:?} after a close for {reason:?}");
            assert!(to.messages.is_empty(), "a message of the close frame");
        }
    }
}

/// A heartbeat, and what answers it, is no message and no end.
pub fn a_heartbeat_does_no_harm<P: Protocol>(subject: &ProtocolSubject<P>) {
    let mut link = Link::ready(subject);
    for _ in 0..3 {
        link.client.say(|protocol, cx| protocol.heartbeat(cx));
        link.server.say(|protocol, cx| protocol.heartbeat(cx));
        link.carry(usize::MAX);
    }
    link.assert_ready(" with heartbeats");
    assert!(link.client.messages.is_empty() && link.server.messages.is_empty());
}

/// E10: a control value of an unknown type is dropped.
pub fn an_unknown_control_value_changes_nothing<P: Protocol>(subject: &ProtocolSubject<P>) {
    struct Unknown;
    let mut link = Link::ready(subject);
    let said = link.client.say(|protocol, cx| protocol.control(Box::new(Unknown), cx));
    assert_eq!(said, Ok(Progress::Unchanged));
    link.carry(usize::MAX);
    link.assert_ready(" with an unknown value");
}

/// E10: once `expire` has returned, the deadline that was over is not over any more: otherwise the loop would spin.
pub fn a_deadline_that_was_served_is_over<P: Protocol>(subject: &ProtocolSubject<P>) {
    for mut side in [Link::silent(subject).server, Link::ready(subject).server] {
        let Some(deadline) = side.protocol.deadline() else { continue };
        let mut out = Vec::new();
        let mut cx = polywire_core::stream::Context::new(&mut out).at(deadline);
        if side.protocol.expire(&mut cx).is_ok() {
            let next = side.protocol.deadline();
            assert!(next.is_none_or(|next| next > deadline), "the deadline is still the same");
        }
    }
}
