//! What must hold once a world is at rest again.

use polywire_core::CloseReason;

use crate::host::{Host, Track, TrackState};

/// Each connection lives at both ends or at none, and has carried all that was sent.
pub(super) fn judge(node: &Host, peers: &[Host]) {
    let hosts: Vec<_> = std::iter::once(node).chain(peers).collect();
    for host in &hosts {
        for track in host.endpoints.values().filter(|track| is_alive(track)) {
            judge_alive(host, track, &hosts);
        }
    }
}

fn judge_alive(host: &Host, track: &Track, hosts: &[&Host]) {
    let endpoint = track.endpoint;
    assert_eq!(host.reason(endpoint).filter(|_| !track.reconnects), None::<CloseReason>);
    let other = host.adapters.peer_of(endpoint.resource_id());
    if track.state == TrackState::Opening {
        // Nobody answers it, or it tries again and again.
        assert!(track.reconnects || other.is_none(), "{endpoint} neither comes to be nor fails");
        return;
    }
    let (node, id) = other.expect("a connection has two ends");
    let name = format!("{endpoint} of node {}, with {id} of node {node}", host.adapters.node);
    let other = hosts[node].endpoints.get(&id.raw());
    let other = other.unwrap_or_else(|| panic!("{name}: the other was never told of"));
    assert!(is_alive(other) && other.state == TrackState::Ready, "{name}: the other is over");
    if !track.reconnects && !other.reconnects {
        assert_eq!(track.sent, other.received.count, "{name}: sent and received");
    }
}

fn is_alive(track: &Track) -> bool {
    track.state != TrackState::Ended && !track.is_removed
}
