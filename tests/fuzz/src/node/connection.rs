//! One connection of the node under test: its peer, and what the program has seen of it.

use polywire_core::network::{NetEvent, NetworkController, SendStatus};
use polywire_core::stream::Encoder;
use polywire_core::{CloseReason, Endpoint, Message};

use crate::peer::{MAX, Pair, Peer};
use crate::stream::SharedWire;

/// How far the program knows the connection to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Nothing,
    Ready,
    /// `Connected(_, false)` or `Disconnected`.
    Over,
}

pub(super) struct Conn<P: Pair> {
    number: usize,
    pub(super) endpoint: Option<Endpoint>,
    is_ours: bool,
    pub(super) wire: SharedWire,
    /// The other end, fed with all that was written.
    theirs: Peer<P::Theirs>,
    read_by_peer: usize,
    /// What our end must make of all that the peer wrote, where that does not hang on chance.
    reference: Option<Peer<P::Ours>>,
    peer_sent: usize,
    /// Messages that `send` accepted.
    sent: Vec<Vec<u8>>,
    /// A `send` told that the connection is no more.
    was_refused: bool,
    received: Vec<Vec<u8>>,
    seen: Seen,
    removed: bool,
    pub(super) paused: bool,
    reason: Option<CloseReason>,
    has_noise: bool,
}

impl<P: Pair> Conn<P> {
    pub(super) fn new(number: usize, is_ours: bool) -> Self {
        let wire = SharedWire::default();
        {
            let mut wire = wire.lock();
            wire.room = 1500;
            wire.connected = (!is_ours).then_some(true);
        }
        Self {
            number,
            endpoint: None,
            is_ours,
            wire,
            theirs: Peer::new(P::theirs()),
            read_by_peer: 0,
            reference: P::reference().map(Peer::new),
            peer_sent: 0,
            sent: Vec::new(),
            was_refused: false,
            received: Vec::new(),
            seen: Seen::Nothing,
            removed: false,
            paused: false,
            reason: None,
            has_noise: false,
        }
    }

    pub(super) fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// A connect succeeds or fails; decided once.
    pub(super) fn decide(&mut self, ok: bool) {
        let mut wire = self.wire.lock();
        wire.connected.get_or_insert(ok);
        wire.is_due(true, true);
    }

    pub(super) fn peer_sends(&mut self, len: u16) {
        if self.theirs.ready && self.theirs.end.is_none() {
            let message = message(self.peer_sent, len);
            self.peer_sent += 1;
            let mut frame = Vec::new();
            self.theirs.encoder.encode(Message::binary(&message), &mut frame);
            self.arrive(&frame);
        }
    }

    pub(super) fn noise(&mut self, bytes: &[u8]) {
        self.has_noise = true;
        self.arrive(bytes);
    }

    fn arrive(&mut self, bytes: &[u8]) {
        let mut wire = self.wire.lock();
        if wire.ended || wire.failed.is_some() || wire.connected != Some(true) || bytes.is_empty() {
            return;
        }
        wire.inbound.extend(bytes);
        wire.is_due(true, false);
        if let Some(reference) = &mut self.reference {
            reference.feed(bytes);
        }
    }

    pub(super) fn peer_ends(&mut self) {
        let mut wire = self.wire.lock();
        // Told once, as a poller does: another readiness would hide that the first was missed.
        if !std::mem::replace(&mut wire.ended, true) {
            wire.is_due(true, false);
        }
    }

    pub(super) fn make_room(&mut self, bytes: usize) {
        let mut wire = self.wire.lock();
        wire.room = wire.room.saturating_add(bytes);
        wire.is_due(false, true);
    }

    /// From here on the stream does all that it is asked for.
    pub(super) fn become_kind(&mut self) {
        self.make_room(usize::MAX);
        let mut wire = self.wire.lock();
        wire.reads.clear();
        wire.writes.clear();
    }

    pub(super) fn peer_reads_and_answers(&mut self) {
        let written = self.wire.lock().written[self.read_by_peer..].to_vec();
        self.read_by_peer += written.len();
        self.theirs.feed(&written);
        if self.wire.lock().connected == Some(true) {
            let answer = std::mem::take(&mut self.theirs.out);
            self.arrive(&answer);
        }
        let violation = matches!(
            self.theirs.end,
            Some(CloseReason::ProtocolViolation(_) | CloseReason::MessageTooLarge { .. })
        );
        assert!(!violation, "we broke the protocol: {:?}", self.theirs.end);
        // E5: in order, whole, once.
        assert!(self.sent.starts_with(&self.theirs.messages), "not what was sent");
    }

    pub(super) fn send(&mut self, len: u16, send: impl FnOnce(&[u8]) -> SendStatus) {
        let message = message(self.sent.len(), len);
        let status = send(&message);
        match status {
            SendStatus::Sent => {
                assert!(!self.removed && self.seen != Seen::Over, "sent into the void");
                self.sent.push(message);
            }
            SendStatus::MaxPacketSizeExceeded => assert!(message.len() > MAX),
            SendStatus::Full => {}
            SendStatus::ResourceNotFound => self.was_refused = true,
            status => panic!("{status:?}"),
        }
    }

    pub(super) fn was_removed(&mut self, removed: bool) {
        if removed {
            assert!(self.seen != Seen::Over && !self.removed);
            self.removed = true;
        }
    }

    /// Contracts E1 to E4, as far as one event can break them.
    pub(super) fn observe(&mut self, network: &NetworkController, event: &NetEvent<'_>) {
        assert!(!self.removed, "an event of what was removed: {event:?}");
        match event {
            NetEvent::Connected(endpoint, ok) => {
                assert!(self.is_ours && self.seen == Seen::Nothing, "{event:?}");
                assert_eq!(self.endpoint, Some(*endpoint));
                self.seen = if *ok { Seen::Ready } else { Seen::Over };
            }
            NetEvent::Accepted(endpoint, _) => {
                assert!(!self.is_ours && self.seen == Seen::Nothing, "{event:?}");
                self.endpoint = Some(*endpoint);
                self.seen = Seen::Ready;
            }
            NetEvent::Message(endpoint, message) => {
                assert_eq!((self.seen, self.endpoint), (Seen::Ready, Some(*endpoint)));
                self.received.push(message.to_vec());
                if let Some(reference) = &self.reference {
                    let at = self.received.len() - 1;
                    assert_eq!(reference.messages.get(at), self.received.last(), "message {at}");
                }
            }
            NetEvent::Disconnected(endpoint) => {
                assert_eq!((self.seen, self.endpoint), (Seen::Ready, Some(*endpoint)));
                self.seen = Seen::Over;
                self.reason = network.close_reason(*endpoint);
                assert!(self.reason.is_some(), "an end without a reason");
                self.assert_all_was_received();
            }
        }
    }

    /// A peer's polite end, or its violation, comes behind all that it said before.
    fn assert_all_was_received(&self) {
        let Some(reference) = &self.reference else { return };
        let by_peer = matches!(
            self.reason,
            Some(CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. })
        );
        if by_peer || (reference.end.is_some() && reference.end == self.reason) {
            assert_eq!(self.received, reference.messages, "{:?}", self.reason);
        }
    }

    /// Grows with everything that happens.
    pub(super) fn progress(&self) -> usize {
        let wire = self.wire.lock();
        let events = self.received.len() + self.seen as usize;
        wire.written.len() + events + usize::from(wire.dropped) + usize::from(wire.shut)
    }

    /// To be called when a kind stream and peer have come to rest: nothing that could go on waits.
    pub(super) fn assert_nothing_is_stuck(&self) {
        let wire = self.wire.lock();
        if wire.failed.is_some() || wire.connected != Some(true) {
            return;
        }
        // A status told of the end of what the program removed before the event could.
        let is_served = if self.removed { !self.was_refused } else { self.seen == Seen::Ready };
        let is_done = self.theirs.end.is_some() || self.has_noise || wire.ended;
        if is_served && !is_done {
            // E7: what was accepted reached the peer, also of what was removed since.
            assert_eq!(self.theirs.messages, self.sent, "connection {}", self.number);
        }
        if self.seen == Seen::Ready && !self.removed {
            assert!(wire.inbound.is_empty(), "connection {}: unread", self.number);
            if let Some(reference) = &self.reference {
                assert_eq!(self.received, reference.messages, "connection {}", self.number);
                assert_eq!(reference.end, None, "a violation was not noticed");
            }
        }
    }

    /// To be called when everything must be over.
    pub(super) fn assert_ended(&self, network: &NetworkController) {
        let is_dropped = self.wire.lock().dropped;
        let Some(endpoint) = self.endpoint else { return };
        assert!(is_dropped, "connection {} is still held", self.number);
        assert!(self.removed || self.seen == Seen::Over, "connection {} never ended", self.number);
        assert_eq!(network.is_ready(endpoint.resource_id()), None);
        assert_eq!(network.send(endpoint, b"late"), SendStatus::ResourceNotFound);
    }
}

/// The `number`th message of a row: its bytes tell it from the others.
fn message(number: usize, len: u16) -> Vec<u8> {
    let len = usize::from(len) % (MAX + 50);
    (0..len).map(|at| (number * 7 + at / 5) as u8).collect()
}
