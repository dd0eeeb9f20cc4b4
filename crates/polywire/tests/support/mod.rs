//! A node under test, and peers made of plain sockets.
#![allow(dead_code, unused_imports, missing_docs, unreachable_pub)]
#![allow(
    clippy::duplicate_mod,
    reason = "a test that needs `common` as well has these files twice"
)]

#[path = "../common/at_once.rs"]
mod at_once;
#[path = "../common/configured.rs"]
mod configured;
pub mod peers;
#[path = "../common/raw_stream.rs"]
mod raw_stream;
#[cfg(feature = "__tls")]
#[path = "../secure/mod.rs"]
pub mod secure;
pub mod system;
#[path = "../common/transport.rs"]
mod transport;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapter::{Connect, Listen};
use polywire::network::{Endpoint, NetEvent, NetworkController, ResourceId};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

pub use at_once::at_once;
pub use configured::{
    connecting, connecting_with, for_messages, listening, listening_with, secured,
};
pub use polywire::node::StoredNetEvent;
pub use raw_stream::RawStream;
pub use transport::Transport;

/// Within this, everything that must happen has happened.
pub const DEADLINE: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 120 } else { 10 });

/// How much longer than the promised time something may take whatever the build: under a sanitizer,
/// as long as it likes.
pub const LEEWAY: u32 = if cfg!(polywire_sanitized) { 1000 } else { 1 };

/// The same where a build without optimizations is slower.
pub const SLACK: u32 = LEEWAY * if cfg!(debug_assertions) { 5 } else { 1 };

/// The loopback address, any port.
pub const ANY_PORT: &str = "127.0.0.1:0";

/// Stops a node however its test ends: a task that is dropped waits for that.
pub struct Stopping<S>(pub NodeHandler<S>);

impl<S> Drop for Stopping<S> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Sends an event to the callback, from any thread.
pub type Handler = NodeHandler<Sender<()>>;

/// An event, and the close reason of its endpoint as the callback saw it.
type Seen = (StoredNetEvent, Option<CloseReason>);

/// A node on a thread of its own, whose events the test takes one by one.
pub struct Node {
    pub handler: Handler,
    events: Receiver<Seen>,
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

    /// One whose callback runs `callback` before the test gets the event.
    pub fn with(callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static) -> Self {
        Self::prepared(|_| {}, callback)
    }

    /// As [`with`](Self::with), with something done before the loop runs.
    pub fn prepared(
        prepare: impl FnOnce(&Handler),
        mut callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static,
    ) -> Self {
        let (handler, listener) = node::split();
        let (sender, events) = mpsc::channel();
        prepare(&handler);
        let inner = Handler::clone(&handler);
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(event) => {
                callback(&inner, &event);
                let event = StoredNetEvent::from(event);
                let reason = inner.network().close_reason(endpoint_of(&event));
                let _ = sender.send((event, reason));
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

    #[track_caller]
    pub fn listen(&self, adapter: impl Listen) -> (ResourceId, SocketAddr) {
        self.network().listen(adapter, ANY_PORT).unwrap()
    }

    #[track_caller]
    pub fn connect(&self, adapter: impl Connect, addr: SocketAddr) -> Endpoint {
        self.network().connect(adapter, addr).unwrap().0
    }

    /// As `connect`, and takes the event that tells of it.
    #[track_caller]
    pub fn connect_ready(&self, adapter: impl Connect, addr: SocketAddr) -> Endpoint {
        let endpoint = self.connect(adapter, addr);
        assert!(matches!(self.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
        endpoint
    }

    #[track_caller]
    fn next_seen(&self) -> Seen {
        self.events.recv_timeout(DEADLINE).expect("an event comes in time")
    }

    #[track_caller]
    pub fn next(&self) -> StoredNetEvent {
        self.next_seen().0
    }

    #[track_caller]
    pub fn accepted(&self) -> Endpoint {
        match self.next() {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("not accepted: {other:?}"),
        }
    }

    #[track_caller]
    pub fn message(&self) -> (Endpoint, Vec<u8>) {
        match self.next() {
            StoredNetEvent::Message(endpoint, message) => (endpoint, message),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// The next event is the end of `endpoint`: the reason, which is told in the callback and
    /// afterwards.
    #[track_caller]
    pub fn disconnected(&self, endpoint: Endpoint) -> CloseReason {
        let (event, reason) = self.next_seen();
        assert!(
            matches!(event, StoredNetEvent::Disconnected(e) if e == endpoint),
            "not disconnected: {event:?}"
        );
        self.told(endpoint, reason)
    }

    /// The next event is that `endpoint` did not connect: the reason, as above.
    #[track_caller]
    pub fn not_connected(&self, endpoint: Endpoint) -> CloseReason {
        let (event, reason) = self.next_seen();
        assert!(
            matches!(event, StoredNetEvent::Connected(e, false) if e == endpoint),
            "not a failed connect: {event:?}"
        );
        self.told(endpoint, reason)
    }

    #[track_caller]
    fn told(&self, endpoint: Endpoint, in_callback: Option<CloseReason>) -> CloseReason {
        let reason = in_callback.expect("the callback can read why");
        assert_eq!(self.network().close_reason(endpoint), Some(reason.clone()), "and afterwards");
        reason
    }

    /// Waits until the loop has served all that was there before.
    #[track_caller]
    pub fn settle(&self) {
        // Signals come before what the poller has, so one round more lets the network through.
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
        if let Ok((event, _)) = self.events.try_recv() {
            panic!("an event that must not come: {event:?}");
        }
    }

    pub fn stop(&mut self) {
        self.handler.stop();
        if let Some(mut task) = self.task.take() {
            task.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

fn endpoint_of(event: &StoredNetEvent) -> Endpoint {
    match event {
        StoredNetEvent::Connected(endpoint, _)
        | StoredNetEvent::Accepted(endpoint, _)
        | StoredNetEvent::Message(endpoint, _)
        | StoredNetEvent::Disconnected(endpoint) => *endpoint,
    }
}

/// Waits for a state that no event tells of.
#[track_caller]
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `work` on a thread and waits for its result, but not for ever.
#[track_caller]
pub fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(DEADLINE).expect("it ends in time, without a panic")
}

/// Somebody else can listen on the address.
#[track_caller]
pub fn assert_free(transport: impl Into<Transport>, addr: SocketAddr) {
    match transport.into() {
        Transport::Udp => drop(UdpSocket::bind(addr).expect("the port is free")),
        _ => drop(TcpListener::bind(addr).expect("the port is free")),
    }
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
