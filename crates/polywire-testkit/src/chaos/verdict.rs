//! What must hold once a random world has come to rest.

use polywire_core::CloseReason;

use crate::chaos::nodes::{Chaos, HOSTS};
use crate::host::{Host, Track, TrackState};

impl Chaos<'_> {
    pub(super) fn judge(&self) {
        for index in 0..HOSTS {
            let host = self.host(index);
            for track in host.endpoints.values() {
                self.judge_end(&host, track);
            }
        }
        for from in 0..HOSTS {
            for to in 0..HOSTS {
                self.judge_pairs(from, to);
            }
        }
    }

    /// Where nothing breaks, endpoints end because somebody wanted it.
    fn judge_end(&self, host: &Host, track: &Track) {
        let endpoint = track.endpoint;
        let reason = host.reason(endpoint);
        let is_over = track.state == TrackState::Ended || track.is_removed;
        assert!(!is_over || reason.is_some(), "{endpoint} ended for no reason");
        if track.is_removed {
            let expected = [
                CloseReason::Removed,
                CloseReason::LingerTimeout,
                CloseReason::NodeStopped,
                // The peer went as well, and what was left to send does not reach it.
                CloseReason::Reset,
            ];
            let is_expected = reason.as_ref().is_none_or(|reason| {
                // What was left to send may have failed afterwards: where it was not ready yet, as it opened.
                let was_opening = track.state == TrackState::Opening;
                expected.contains(reason) || was_opening || !self.is_gentle
            });
            assert!(is_expected, "{endpoint} was removed and ended by {reason:?}");
        }
    }

    /// Everything that endpoints of one node sent to another node.
    fn judge_pairs(&self, from: usize, to: usize) {
        let host = self.host(from);
        for sender in host.endpoints.values() {
            let Some((node, id)) = sender.peer.filter(|(node, _)| *node == to) else { continue };
            let reason = host.reason(sender.endpoint);
            if node == from {
                let receiver = host.endpoints.get(&id.raw());
                let ended = receiver.and_then(|track| host.reason(track.endpoint));
                self.judge_pair((sender, host.stopped, reason), receiver, (host.stopped, ended));
            } else {
                let other = self.host(node);
                let receiver = other.endpoints.get(&id.raw());
                let ended = receiver.and_then(|track| other.reason(track.endpoint));
                self.judge_pair((sender, host.stopped, reason), receiver, (other.stopped, ended));
            }
        }
    }

    fn judge_pair(
        &self,
        (sender, was_stopped, reason): (&Track, bool, Option<CloseReason>),
        receiver: Option<&Track>,
        (is_stopped, ended): (bool, Option<CloseReason>),
    ) {
        if sender.reconnects || receiver.is_some_and(|track| track.reconnects) {
            return;
        }
        let Some(receiver) = receiver else { return };
        let names = (sender.endpoint, receiver.endpoint);
        let is_over = was_stopped || sender.is_removed || sender.state == TrackState::Ended;
        let is_gone = is_stopped || receiver.is_removed || receiver.state == TrackState::Ended;
        assert_eq!(is_over, is_gone, "{names:?}: half a connection lives ({reason:?}, {ended:?})");
        let gave_all =
            matches!(reason, None | Some(CloseReason::Removed | CloseReason::NodeStopped));
        let saw_end = matches!(
            ended,
            None | Some(
                CloseReason::PeerClosed
                    | CloseReason::AbnormalClosure
                    | CloseReason::PeerClosedWith { .. }
            )
        );
        if gave_all && saw_end {
            let (sent, got) = (sender.sent, receiver.received.count);
            assert_eq!(sent, got, "{names:?}: sent and received ({reason:?}, {ended:?})");
        }
        // A node that stops waits for its peers for a moment only; and while it waits for some that
        // are paused, the linger time of others may pass.
        let has_time = self.world.clock.now() < self.begun + self.limits.linger;
        let is_calm = self.is_gentle && has_time && !is_stopped && !was_stopped;
        if is_calm && sender.is_removed && !receiver.is_removed {
            let is_known = matches!(reason, None | Some(CloseReason::Removed));
            assert!(is_known, "{names:?}: a removal was told as {reason:?}");
            assert!(saw_end, "{names:?}: a removal was seen as {ended:?}");
        }
    }

    /// Stops all nodes; nothing may be left.
    pub(super) fn end(&self) {
        for index in 0..HOSTS {
            self.stop(index);
        }
        assert_eq!(self.world.open_sockets(), 0, "sockets are left");
    }
}
