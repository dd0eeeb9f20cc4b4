//! Nodes that run on threads of their own, for the checks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use polywire_core::address::RemoteAddr;
use polywire_core::network::NetworkController;
pub(super) use polywire_core::network::{NetEvent, SendStatus, StoredNetEvent};
pub(super) use polywire_core::node::{self, NodeEvent, NodeHandler, NodeTask};
pub(super) use polywire_core::{CloseReason, Endpoint, Limits, NodeLimits, ResourceId, WhenFull};

pub(super) use super::Subject;

/// After so long without a read a system has taken from a sender what it takes: that of TCP may
/// acknowledge the last bytes 40 milliseconds late, and the sender's side has room for others then.
pub(super) const SYSTEM_SETTLES: Duration = Duration::from_millis(60);

/// What a connection is bounded by where a check fills it.
pub(super) const MESSAGE: usize = 64 << 10;
pub(super) const SOFT_MARK: usize = 256 << 10;
pub(super) const HARD_LIMIT: usize = 4 << 20;
/// What no adapter counts beside a message exceeds.
pub(super) const HEADER: usize = 32;

/// Waits for what no event tells.
#[track_caller]
pub(super) fn eventually(subject: &Subject, awaited: &str, mut is_so: impl FnMut() -> bool) {
    let (start, deadline) = (Instant::now(), subject.deadline());
    while !is_so() {
        assert!(start.elapsed() < deadline, "waited {deadline:?} for {awaited}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Small limits, and a callback that never waits.
pub(super) fn small_limits() -> Limits {
    Limits::default()
        .with_outbox_soft_mark(SOFT_MARK)
        .with_outbox_hard_limit(HARD_LIMIT)
        .with_when_full(WhenFull::Disconnect)
        .with_linger(Duration::from_secs(1))
}

/// A signal is a channel that the callback answers on.
pub(super) type Handler = NodeHandler<Sender<()>>;

/// A node whose events the check takes one by one. Dropping it stops it.
pub(super) struct Node {
    pub(super) handler: Handler,
    events: Receiver<StoredNetEvent>,
    task: Option<NodeTask>,
    deadline: Duration,
    /// Whether a message arrives as it was sent.
    keeps_messages: bool,
    /// What a stream of bytes brought along with what was awaited.
    left_over: RefCell<HashMap<Endpoint, Vec<u8>>>,
}

impl Node {
    pub(super) fn new(subject: &Subject) -> Self {
        Self::with(subject, |_, _| {})
    }

    /// One that sends each message back.
    pub(super) fn echo(subject: &Subject) -> Self {
        Self::with(subject, |handler, event| {
            if let NetEvent::Message(endpoint, message) = event {
                handler.network().send(*endpoint, message);
            }
        })
    }

    /// One that reads nothing of a connection until it is resumed.
    pub(super) fn paused(subject: &Subject) -> Self {
        Self::with(subject, |handler, event| {
            if let NetEvent::Accepted(endpoint, _) | NetEvent::Connected(endpoint, true) = event {
                handler.network().pause(endpoint.resource_id());
            }
        })
    }

    /// One whose callback runs `callback` before the check gets the event.
    pub(super) fn with(
        subject: &Subject,
        mut callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static,
    ) -> Self {
        let (handler, listener) = node::split();
        let (sender, events) = mpsc::channel();
        let inner = Handler::clone(&handler);
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(event) => {
                callback(&inner, &event);
                let _ = sender.send(StoredNetEvent::from(event));
            }
            NodeEvent::Signal(answer) => {
                let _ = Sender::<()>::send(&answer, ());
            }
        });
        Self {
            handler,
            events,
            task: Some(task),
            deadline: subject.deadline(),
            keeps_messages: subject.capabilities().packets,
            left_over: RefCell::default(),
        }
    }

    pub(super) fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    /// Listens on an address of its own.
    #[track_caller]
    pub(super) fn listen(&self, subject: &Subject) -> (ResourceId, RemoteAddr) {
        subject.listen(self.network()).expect("it listens")
    }

    #[track_caller]
    pub(super) fn connect(&self, subject: &Subject, addr: &RemoteAddr) -> Endpoint {
        subject.connect(self.network(), addr).expect("it connects").0
    }

    /// As `connect`, and takes the event that tells of it.
    #[track_caller]
    pub(super) fn connect_ready(&self, subject: &Subject, addr: &RemoteAddr) -> Endpoint {
        let endpoint = self.connect(subject, addr);
        self.assert_connected(endpoint);
        endpoint
    }

    #[track_caller]
    pub(super) fn assert_connected(&self, endpoint: Endpoint) {
        let event = self.next();
        let is_it = matches!(event, StoredNetEvent::Connected(e, true) if e == endpoint);
        assert!(is_it, "{} instead of Connected", self.shown(&event));
    }

    #[track_caller]
    pub(super) fn next(&self) -> StoredNetEvent {
        self.events.recv_timeout(self.deadline).expect("an event comes in time")
    }

    /// The next event, if one comes within that time.
    pub(super) fn next_within(&self, time: Duration) -> Option<StoredNetEvent> {
        self.events.recv_timeout(time).ok()
    }

    #[track_caller]
    pub(super) fn accepted(&self) -> Endpoint {
        match self.next() {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("{} instead of Accepted", self.shown(&other)),
        }
    }

    #[track_caller]
    pub(super) fn message(&self) -> (Endpoint, Vec<u8>) {
        match self.next() {
            StoredNetEvent::Message(endpoint, message) => (endpoint, message),
            other => panic!("{} instead of Message", self.shown(&other)),
        }
    }

    /// The next events are these bytes of `endpoint`: one message, or what a stream of bytes makes of them.
    #[track_caller]
    pub(super) fn expect(&self, endpoint: Endpoint, expected: &[u8]) {
        let mut got = self.left_over.borrow_mut().remove(&endpoint).unwrap_or_default();
        while got.len() < expected.len() || self.keeps_messages {
            let (from, message) = self.message();
            assert_eq!(from, endpoint, "a message of another endpoint");
            got.extend(message);
            if self.keeps_messages {
                break;
            }
        }
        let rest = if self.keeps_messages { Vec::new() } else { got.split_off(expected.len()) };
        assert!(got == expected, "{} instead of {}", excerpt(&got), excerpt(expected));
        if !rest.is_empty() {
            self.left_over.borrow_mut().insert(endpoint, rest);
        }
    }

    /// The next event is the end of `endpoint`: why.
    #[track_caller]
    pub(super) fn disconnected(&self, endpoint: Endpoint) -> CloseReason {
        let event = self.next();
        let is_it = matches!(event, StoredNetEvent::Disconnected(e) if e == endpoint);
        assert!(is_it, "{} instead of Disconnected", self.shown(&event));
        self.network().close_reason(endpoint).expect("a reason of its end")
    }

    /// The next event is that the peer has closed `endpoint`, in whatever words its protocol has for that.
    #[track_caller]
    pub(super) fn assert_closed_by_peer(&self, endpoint: Endpoint) {
        let reason = self.disconnected(endpoint);
        let is_it = matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. });
        assert!(is_it, "{reason:?} instead of the peer's goodbye");
    }

    /// Waits until the loop has served all that was there before.
    #[track_caller]
    pub(super) fn settle(&self) {
        // Signals come before the network, so one round more lets that through.
        for _ in 0..3 {
            let (sender, receiver) = mpsc::channel();
            self.handler.signals().send(sender);
            receiver.recv_timeout(self.deadline).expect("the loop runs");
        }
    }

    /// No event waits.
    #[track_caller]
    pub(super) fn assert_silent(&self) {
        self.settle();
        if let Ok(event) = self.events.try_recv() {
            panic!("an event that must not come: {}", self.shown(&event));
        }
    }

    /// The event as a failure shows it.
    pub(super) fn shown(&self, event: &StoredNetEvent) -> String {
        shown(self.network(), event)
    }

    /// Stops it and waits for its end. Returns the events that nobody has taken.
    pub(super) fn stop(mut self) -> Vec<StoredNetEvent> {
        self.handler.stop();
        self.wait();
        self.events.try_iter().collect()
    }

    /// Waits until it has ended.
    pub(super) fn wait(&mut self) {
        self.task.take().expect("it is waited for once").wait();
    }

    pub(super) fn queued(&self) -> usize {
        self.network().stats().queued_bytes
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// The event without all the bytes of a long message, and of an end or a failure the reason.
pub(super) fn shown(network: &NetworkController, event: &StoredNetEvent) -> String {
    match event {
        StoredNetEvent::Message(endpoint, message) => {
            format!("Message({endpoint}, {})", excerpt(message))
        }
        StoredNetEvent::Disconnected(endpoint) | StoredNetEvent::Connected(endpoint, false) => {
            match network.close_reason(*endpoint) {
                Some(reason) => format!("{event:?} for the reason {reason:?} ({reason})"),
                None => format!("{event:?} without a reason"),
            }
        }
        other => format!("{other:?}"),
    }
}

fn excerpt(bytes: &[u8]) -> String {
    format!("{} bytes {:?}", bytes.len(), bytes[..bytes.len().min(16)].escape_ascii().to_string())
}

/// Two nodes with a connection between them.
pub(super) struct Pair {
    /// Dropped first: a server lingers for a client that does not read.
    pub(super) client: Node,
    pub(super) server: Node,
    /// The client's endpoint on the server, and the server's on the client.
    pub(super) to_client: Endpoint,
    pub(super) to_server: Endpoint,
}

impl Pair {
    pub(super) fn new(subject: &Subject) -> Self {
        Self::of(subject, Node::new(subject), Node::new(subject))
    }

    /// A server whose client does not read. Both are bounded by `limits`.
    pub(super) fn with_paused_client(subject: &Subject, limits: Limits) -> Self {
        Self::of(&subject.limited(limits), Node::new(subject), Node::paused(subject))
    }

    pub(super) fn of(subject: &Subject, server: Node, client: Node) -> Self {
        let (_, addr) = server.listen(subject);
        let to_server = client.connect_ready(subject, &addr);
        let to_client = server.accepted();
        Self { client, server, to_client, to_server }
    }

    /// Has the client read, if it did not.
    pub(super) fn resume_client(&self) {
        assert!(self.client.network().resume(self.to_server.resource_id()));
    }

    /// Sends to the client until there is no room just now.
    pub(super) fn fill_briefly(&self) {
        let send = || self.server.network().try_send(self.to_client, &[7; MESSAGE]);
        while send() == SendStatus::Sent {}
    }

    /// Sends to the client until there is no room, and the system takes nothing any more either.
    pub(super) fn fill(&self) {
        loop {
            match self.server.network().try_send(self.to_client, &[7; MESSAGE]) {
                SendStatus::Sent => {}
                SendStatus::Full => {
                    let before = self.server.queued();
                    self.server.settle();
                    thread::sleep(SYSTEM_SETTLES); // No event tells that it takes no more.
                    if self.server.queued() == before {
                        return;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
