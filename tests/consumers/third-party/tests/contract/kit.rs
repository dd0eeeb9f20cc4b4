//! The adapters under test, and nodes that run on threads of their own.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

pub use polywire_core::adapter::{Connect, Listen};
use polywire_core::address::Name;
use polywire_core::network::NetworkController;
pub use polywire_core::network::{NetEvent, SendStatus, StoredNetEvent};
pub use polywire_core::node::{self, NodeEvent, NodeHandler, NodeTask};
pub use polywire_core::{CloseReason, Endpoint, Limits, NodeLimits, ResourceId, WhenFull};
use third_party::mem::Mem;

/// Nothing that these tests wait for takes so long, even on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(10);
const WHOLE_TEST: Duration = Duration::from_secs(60);

/// After so long without a read a system has taken from a sender what it takes: that of TCP may
/// acknowledge the last bytes 40 milliseconds late, and the sender's side has room for others then.
pub const SYSTEM_SETTLES: Duration = Duration::from_millis(60);

/// What a connection is bounded by where a test fills it.
pub const MESSAGE: usize = 64 << 10;
pub const SOFT_MARK: usize = 256 << 10;
pub const HARD_LIMIT: usize = 4 << 20;
/// What no adapter counts beside a message exceeds.
pub const HEADER: usize = 32;

pub trait Adapter: Connect + Listen + Clone + Send + Sync + 'static {
    /// As this one, with these limits of each connection.
    fn limited(&self, limits: Limits) -> Self;

    /// An address that nobody has listened on.
    fn free_address(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("third-party-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        std::env::temp_dir().join(name).display().to_string()
    }
}

impl Adapter for Mem {
    fn limited(&self, limits: Limits) -> Self {
        self.with_limits(limits)
    }
}

#[cfg(unix)]
impl Adapter for third_party::unix::Unix {
    fn limited(&self, limits: Limits) -> Self {
        Self { limits }
    }
}

/// Makes one test of each adapter, called `contract::adapter`.
macro_rules! over_adapters {
    ($(fn $contract:ident($adapter:ident) $body:block)+) => {$(
        mod $contract {
            #[allow(unused_imports)]
            use super::*;

            fn contract($adapter: impl Adapter) $body

            #[test]
            fn mem() {
                $crate::kit::in_time(|| contract(third_party::mem::Mem::default()));
            }

            #[test]
            #[cfg(unix)]
            fn unix() {
                $crate::kit::in_time(|| contract(third_party::unix::Unix::default()));
            }

            #[test]
            fn framed_over_cipher() {
                $crate::kit::in_time(|| contract($crate::layered::ciphered($crate::layered::Over::Framed)));
            }

            #[test]
            fn ws_over_cipher() {
                $crate::kit::in_time(|| contract($crate::layered::ciphered($crate::layered::Over::Ws)));
            }

            #[test]
            fn framed_over_tls() {
                $crate::kit::in_time(|| contract($crate::layered::secured($crate::layered::Over::Framed)));
            }

            #[test]
            fn ws_over_tls() {
                $crate::kit::in_time(|| contract($crate::layered::secured($crate::layered::Over::Ws)));
            }
        }
    )+};
}

/// Runs a test's body, and fails rather than hang if it does.
pub fn in_time(body: impl FnOnce() + Send + 'static) {
    let (running, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _running = running;
        body();
    });
    match ended.recv_timeout(WHOLE_TEST) {
        Err(RecvTimeoutError::Disconnected) => {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        _ => panic!("the test hangs: it is not over after {WHOLE_TEST:?}"),
    }
}

/// Waits for what no event tells.
#[track_caller]
pub fn eventually(awaited: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {awaited}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Small limits, and a callback that never waits.
pub fn small_limits() -> Limits {
    Limits::default()
        .with_outbox_soft_mark(SOFT_MARK)
        .with_outbox_hard_limit(HARD_LIMIT)
        .with_when_full(WhenFull::Disconnect)
        .with_linger(Duration::from_secs(1))
}

/// A signal is a channel that the callback answers on.
pub type Handler = NodeHandler<Sender<()>>;

/// A node whose events the test takes one by one. Dropping it stops it.
pub struct Node {
    pub handler: Handler,
    events: Receiver<StoredNetEvent>,
    task: Option<NodeTask>,
}

impl Node {
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// One that sends each message back.
    pub fn echo() -> Self {
        Self::with(|handler, event| {
            if let NetEvent::Message(endpoint, message) = event {
                handler.network().send(*endpoint, message);
            }
        })
    }

    /// One that reads nothing of a connection until it is resumed.
    pub fn paused() -> Self {
        Self::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) | NetEvent::Connected(endpoint, true) = event {
                handler.network().pause(endpoint.resource_id());
            }
        })
    }

    /// One whose callback runs `callback` before the test gets the event.
    pub fn with(mut callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static) -> Self {
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
        Self { handler, events, task: Some(task) }
    }

    pub fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    /// Listens on an address of its own.
    #[track_caller]
    pub fn listen(&self, adapter: &impl Adapter) -> (ResourceId, String) {
        let addr = adapter.free_address();
        (self.network().listen(adapter, Name(&addr)).unwrap().0, addr)
    }

    #[track_caller]
    pub fn connect(&self, adapter: &impl Adapter, addr: &str) -> Endpoint {
        self.network().connect(adapter, addr).unwrap().0
    }

    /// As `connect`, and takes the event that tells of it.
    #[track_caller]
    pub fn connect_ready(&self, adapter: &impl Adapter, addr: &str) -> Endpoint {
        let endpoint = self.connect(adapter, addr);
        self.assert_connected(endpoint);
        endpoint
    }

    #[track_caller]
    pub fn assert_connected(&self, endpoint: Endpoint) {
        let event = self.next();
        let is_it = matches!(event, StoredNetEvent::Connected(e, true) if e == endpoint);
        assert!(is_it, "{event:?} instead of Connected");
    }

    #[track_caller]
    pub fn next(&self) -> StoredNetEvent {
        self.events.recv_timeout(DEADLINE).expect("an event comes in time")
    }

    #[track_caller]
    pub fn accepted(&self) -> Endpoint {
        match self.next() {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("{other:?} instead of Accepted"),
        }
    }

    #[track_caller]
    pub fn message(&self) -> (Endpoint, Vec<u8>) {
        match self.next() {
            StoredNetEvent::Message(endpoint, message) => (endpoint, message),
            other => panic!("{other:?} instead of Message"),
        }
    }

    /// The next event is the end of `endpoint`: why.
    #[track_caller]
    pub fn disconnected(&self, endpoint: Endpoint) -> CloseReason {
        let event = self.next();
        let is_it = matches!(event, StoredNetEvent::Disconnected(e) if e == endpoint);
        assert!(is_it, "{event:?} instead of Disconnected");
        self.network().close_reason(endpoint).expect("a reason of its end")
    }

    /// The next event is that the peer has closed `endpoint`, in whatever words its protocol has for that.
    #[track_caller]
    pub fn assert_closed_by_peer(&self, endpoint: Endpoint) {
        let reason = self.disconnected(endpoint);
        let is_it = matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. });
        assert!(is_it, "{reason:?} instead of the peer's goodbye");
    }

    /// Waits until the loop has served all that was there before.
    #[track_caller]
    pub fn settle(&self) {
        // Signals come before the network, so one round more lets that through.
        for _ in 0..3 {
            let (sender, receiver) = mpsc::channel();
            self.handler.signals().send(sender);
            receiver.recv_timeout(DEADLINE).expect("the loop runs");
        }
    }

    /// No event waits.
    #[track_caller]
    pub fn assert_silent(&self) {
        self.settle();
        if let Ok(event) = self.events.try_recv() {
            panic!("an event that must not come: {event:?}");
        }
    }

    /// Stops it and waits for its end. Returns the events that nobody has taken.
    pub fn stop(mut self) -> Vec<StoredNetEvent> {
        self.handler.stop();
        self.wait();
        self.events.try_iter().collect()
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) {
        self.task.take().expect("it is waited for once").wait();
    }

    pub fn queued(&self) -> usize {
        self.network().stats().queued_bytes
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// Two nodes with a connection between them.
pub struct Pair {
    pub server: Node,
    pub client: Node,
    /// The client's endpoint on the server, and the server's on the client.
    pub to_client: Endpoint,
    pub to_server: Endpoint,
}

impl Pair {
    pub fn new(adapter: &impl Adapter) -> Self {
        Self::of(adapter, Node::new(), Node::new())
    }

    /// A server whose client does not read. Both are bounded by `limits`.
    pub fn with_paused_client(adapter: &impl Adapter, limits: Limits) -> Self {
        Self::of(&adapter.limited(limits), Node::new(), Node::paused())
    }

    pub fn of(adapter: &impl Adapter, server: Node, client: Node) -> Self {
        let (_, addr) = server.listen(adapter);
        let to_server = client.connect_ready(adapter, &addr);
        let to_client = server.accepted();
        Self { server, client, to_client, to_server }
    }

    /// Has the client read, if it did not.
    pub fn resume_client(&self) {
        assert!(self.client.network().resume(self.to_server.resource_id()));
    }

    /// Sends to the client until there is no room, and the system takes nothing any more either.
    pub fn fill(&self) {
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
