//! A node of a simulated world that checks each event as it comes.

use std::collections::BTreeMap;
use std::io;
use std::mem::ManuallyDrop;
use std::time::Duration;

use polywire_core::network::{NetEvent, NetworkController, NetworkProcessor, SendStatus};
use polywire_core::reconnect::Backoff;
use polywire_core::{CloseReason, Endpoint, Limits, ResourceId, seam};

use crate::records::{Received, record};
use crate::{SimNode, Wire, World};

/// Messages are at most so long.
pub(super) const MAX_MESSAGE_BYTES: usize = 40_000;

/// One node, what it has done, and what it was told.
pub(super) struct Host {
    pub(super) network: NetworkController,
    processor: Option<NetworkProcessor>,
    pub(super) adapters: SimNode,
    pub(super) endpoints: BTreeMap<usize, Track>,
    pub(super) listeners: BTreeMap<usize, Listening>,
    keeps_messages: bool,
    /// Set inside the callback: no event may follow.
    pub(super) stopped: bool,
    pub(super) log: Vec<String>,
}

/// What is known of one endpoint.
pub(super) struct Track {
    pub(super) endpoint: Endpoint,
    pub(super) state: TrackState,
    pub(super) is_accepted: bool,
    /// It was there when it was removed.
    pub(super) is_removed: bool,
    /// `remove` was called, whether it found something or not.
    is_silent: bool,
    is_paused: bool,
    pub(super) reconnects: bool,
    /// Messages taken for sending.
    pub(super) sent: u32,
    pub(super) received: Received,
    /// The other end, once the connection is ready: its node and its id there.
    pub(super) peer: Option<(usize, ResourceId)>,
}

/// What is known of one listener.
pub(super) struct Listening {
    pub(super) id: ResourceId,
    pub(super) is_removed: bool,
    is_paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrackState {
    Opening,
    Ready,
    Ended,
}

impl Host {
    pub(super) fn new(world: &World, wire: &Wire) -> Self {
        let (network, processor, adapters) = world.network();
        let mut host = Self::run_elsewhere(network, adapters, wire);
        host.processor = Some(processor);
        host
    }

    /// One whose loop is run by other means than [`turn`](Self::turn).
    pub(super) fn run_elsewhere(
        network: NetworkController,
        adapters: SimNode,
        wire: &Wire,
    ) -> Self {
        Self {
            network,
            processor: None,
            adapters,
            endpoints: BTreeMap::new(),
            listeners: BTreeMap::new(),
            keeps_messages: wire.keeps_messages,
            stopped: false,
            log: Vec::new(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.processor.is_some()
    }

    /// Whether it is the first node of its world.
    pub(super) fn is_first(&self) -> bool {
        self.adapters.node == 0
    }

    pub(super) fn connect(
        &mut self,
        wire: &Wire,
        (limits, port): (Limits, u16),
        backoff: Option<Backoff>,
    ) -> Option<Endpoint> {
        let reconnects = backoff.is_some();
        let node = (&self.adapters, &self.network);
        match wire.connect(node, limits, port, backoff) {
            Ok(endpoint) => {
                self.track(endpoint, TrackState::Opening, reconnects);
                Some(endpoint)
            }
            Err(error) => {
                self.note(format!("no connect to {port}: {error}"));
                None
            }
        }
    }

    pub(super) fn listen(&mut self, wire: &Wire, limits: Limits, port: u16) -> io::Result<()> {
        let id = wire.listen((&self.adapters, &self.network), limits, port)?;
        self.note(format!("{id} listens on {port}"));
        self.listeners.insert(id.raw(), Listening { id, is_removed: false, is_paused: false });
        Ok(())
    }

    fn track(&mut self, endpoint: Endpoint, state: TrackState, reconnects: bool) {
        let track = Track {
            endpoint,
            state,
            is_accepted: state == TrackState::Ready,
            is_removed: false,
            is_silent: false,
            is_paused: false,
            reconnects,
            sent: 0,
            received: Received::default(),
            peer: None,
        };
        let before = self.endpoints.insert(endpoint.resource_id().raw(), track);
        assert!(before.is_none(), "{endpoint} was there before");
    }

    /// Sends a record of about `len` bytes.
    pub(super) fn send(&mut self, endpoint: Endpoint, len: usize, may_wait: bool) -> SendStatus {
        let id = endpoint.resource_id();
        let Some(track) = self.endpoints.get_mut(&id.raw()) else {
            return SendStatus::ResourceNotFound;
        };
        let message = record(id, track.sent, len.min(MAX_MESSAGE_BYTES));
        let status = match may_wait {
            true => self.network.send(endpoint, &message),
            false => self.network.try_send(endpoint, &message),
        };
        match status {
            SendStatus::Sent => {
                let is_over =
                    track.is_removed || (track.state == TrackState::Ended && !track.reconnects);
                assert!(!is_over, "{endpoint} is over and takes messages");
                track.sent += 1;
                let (number, len) = (track.sent, message.len());
                self.note(format!("{endpoint} sends the {number}th, of {len}"));
            }
            SendStatus::Full => assert!(!may_wait, "only try_send is refused so"),
            SendStatus::ResourceNotFound => {}
            SendStatus::ResourceNotAvailable => assert!(track.reconnects, "nothing else waits so"),
            other => panic!("{other:?}: the transport carries any message of that length"),
        }
        status
    }

    /// Removes an endpoint, alive or not: from now on no event tells of it.
    pub(super) fn remove(&mut self, endpoint: Endpoint) {
        let found = self.network.remove(endpoint.resource_id());
        self.note(format!("{endpoint} removed: {found}"));
        let Some(track) = self.endpoints.get_mut(&endpoint.resource_id().raw()) else { return };
        track.is_silent = true;
        if found {
            track.is_removed = true;
        } else {
            assert!(
                track.is_removed || track.state != TrackState::Ready || !self.is_told(endpoint)
            );
        }
    }

    pub(super) fn remove_listener(&mut self, id: ResourceId) {
        let found = self.network.remove(id);
        self.note(format!("{id} removed: {found}"));
        let Some(listening) = self.listeners.get_mut(&id.raw()) else { return };
        assert_eq!(found, !listening.is_removed, "{id} is removed once");
        listening.is_removed = true;
    }

    /// Pauses an endpoint or a listener, alive or not.
    pub(super) fn pause(&mut self, id: ResourceId) {
        let found = self.network.pause(id);
        self.note(format!("{id} paused: {found}"));
        self.set_paused(id, found);
    }

    pub(super) fn resume(&mut self, id: ResourceId) {
        let found = self.network.resume(id);
        self.note(format!("{id} resumed: {found}"));
        self.set_paused(id, false);
    }

    fn set_paused(&mut self, id: ResourceId, is_paused: bool) {
        if let Some(track) = self.endpoints.get_mut(&id.raw()) {
            track.is_paused = is_paused;
        }
        if let Some(listening) = self.listeners.get_mut(&id.raw()) {
            listening.is_paused = is_paused;
        }
    }

    /// Resumes all that may be paused.
    pub(super) fn resume_all(&mut self) {
        let endpoints = self.endpoints.values().map(|track| track.endpoint.resource_id());
        let ids: Vec<_> = endpoints.chain(self.listeners.values().map(|it| it.id)).collect();
        ids.into_iter().for_each(|id| self.resume(id));
    }

    /// Whether the end of an endpoint was told by its close reason.
    fn is_told(&self, endpoint: Endpoint) -> bool {
        self.network.close_reason(endpoint).is_none()
    }

    /// Notes that something happened, and when: after how many calls in this world.
    pub(super) fn note(&mut self, what: String) {
        let SimNode { world, node } = &self.adapters;
        let calls = world.lock().calls.made();
        self.log.push(format!("after {calls} calls node {node}: {what}"));
    }

    /// One turn; `act` is run with each event, inside the callback.
    pub(super) fn turn(&mut self, mut act: impl FnMut(&mut Self, &NetEvent<'_>)) {
        let Some(processor) = self.processor.take() else { return };
        let mut processor = ManuallyDrop::new(processor); // If this panics.
        processor.process_poll_event(Some(Duration::ZERO), |event| {
            self.check(&event);
            act(self, &event);
        });
        self.processor = Some(ManuallyDrop::into_inner(processor));
    }

    /// Ends the node. The others go on as the world has it.
    pub(super) fn stop(&mut self) {
        seam::stop(&self.network);
        self.processor = None;
        self.stopped = true;
        let stats = self.network.stats();
        assert_eq!(stats.endpoints, 0, "endpoints outlive their node");
        assert_eq!(self.adapters.open_sockets(), 0, "sockets outlive their node");
        assert_eq!(self.held(), 0, "bytes outlive their node");
    }

    /// Bytes that count against the node's ceiling.
    pub(super) fn held(&self) -> usize {
        seam::held(&self.network)
    }

    /// From inside the callback: no event follows.
    pub(super) fn stop_inside(&mut self) {
        seam::stop(&self.network);
        self.stopped = true;
    }

    pub(super) fn check(&mut self, event: &NetEvent<'_>) {
        assert!(!self.stopped, "an event after stop: {event:?}");
        match *event {
            NetEvent::Connected(endpoint, ok) => {
                self.note(format!("{endpoint} connected: {ok}"));
                let track = self.track_of(endpoint);
                assert!(
                    track.state == TrackState::Opening && !track.is_accepted,
                    "{endpoint}: {event:?}"
                );
                track.state = match ok {
                    true => TrackState::Ready,
                    false if track.reconnects => TrackState::Opening,
                    false => TrackState::Ended,
                };
                self.meet(endpoint);
            }
            NetEvent::Accepted(endpoint, listener) => {
                self.note(format!("{endpoint} accepted by {listener}"));
                let listening = self.listeners.get(&listener.raw());
                let listening = listening.expect("accepted by a listener that never was");
                assert!(!listening.is_removed, "{listener} accepts after its removal");
                assert!(!listening.is_paused, "{listener} accepts while it is paused");
                self.track(endpoint, TrackState::Ready, false);
                self.meet(endpoint);
            }
            NetEvent::Message(endpoint, message) => {
                self.note(format!("{endpoint} message of {}", message.len()));
                let is_record = self.keeps_messages;
                let track = self.track_of(endpoint);
                assert_eq!(track.state, TrackState::Ready, "{endpoint}: a message");
                assert!(!track.is_paused, "{endpoint}: a message while it is paused");
                track.received.take(message, is_record);
            }
            NetEvent::Disconnected(endpoint) => {
                let reason = self.reason(endpoint);
                self.note(format!("{endpoint} disconnected: {reason:?}"));
                assert!(reason.is_some(), "{endpoint} ended for no reason");
                let track = self.track_of(endpoint);
                assert_eq!(track.state, TrackState::Ready, "{endpoint}: an end");
                track.state =
                    if track.reconnects { TrackState::Opening } else { TrackState::Ended };
                if track.reconnects {
                    track.received = Received::default();
                }
            }
        }
    }

    fn track_of(&mut self, endpoint: Endpoint) -> &mut Track {
        let track = self.endpoints.get_mut(&endpoint.resource_id().raw());
        let track = track.expect("an event of an endpoint that never was");
        assert!(!track.is_silent, "{endpoint}: an event after its removal");
        track
    }

    /// Notes who is at the other end of a connection just made.
    fn meet(&mut self, endpoint: Endpoint) {
        let peer = self.adapters.peer_of(endpoint.resource_id());
        if let Some(track) = self.endpoints.get_mut(&endpoint.resource_id().raw()) {
            track.peer = peer;
        }
    }

    pub(super) fn reason(&self, endpoint: Endpoint) -> Option<CloseReason> {
        self.network.close_reason(endpoint)
    }

    /// Endpoints that carry messages.
    pub(super) fn ready(&self) -> impl Iterator<Item = &Track> {
        let tracks = self.endpoints.values();
        tracks.filter(|track| track.state == TrackState::Ready && !track.is_removed)
    }
}

impl Drop for Host {
    /// A node that ends takes turns of a world that is broken where a check failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(self.processor.take());
            if std::env::var_os("POLYWIRE_SEED").is_some() {
                self.log.iter().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}
