//! A node on a thread of its own, whose events the test takes one by one.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use polywire_core::adapter::{Connect, Listen};
use polywire_core::address::ToRemoteAddr;
use polywire_core::network::{NetEvent, NetworkController, SendStatus, StoredNetEvent};
use polywire_core::node::{self, NodeEvent, NodeHandler};
use polywire_core::{CloseReason, Endpoint};
use polywire_tls::{TlsError, TlsInfo};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::DEADLINE;

/// A signal is a channel that the callback answers on.
pub type Handler = NodeHandler<Sender<()>>;

pub struct Node {
    pub handler: Handler,
    events: Receiver<StoredNetEvent>,
    logs: Receiver<String>,
    thread: Option<JoinHandle<()>>,
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
    pub fn with(mut callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static) -> Self {
        let (handler, listener) = node::split();
        let (sender, events) = mpsc::channel();
        let (lines, logs) = mpsc::channel();
        let inner = Handler::clone(&handler);
        let run = move || {
            listener.for_each(move |event| match event {
                NodeEvent::Network(event) => {
                    callback(&inner, &event);
                    let _ = sender.send(StoredNetEvent::from(event));
                }
                NodeEvent::Signal(answer) => {
                    let _ = Sender::<()>::send(&answer, ());
                }
            });
        };
        collect_logs();
        let logged = move || log_to(lines, run);
        Self { handler, events, logs, thread: Some(thread::spawn(logged)) }
    }

    pub fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    #[track_caller]
    pub fn listen(&self, adapter: impl Listen) -> SocketAddr {
        self.network().listen(adapter, "127.0.0.1:0").unwrap().1
    }

    #[track_caller]
    pub fn begin(&self, adapter: impl Connect, addr: impl ToRemoteAddr) -> Endpoint {
        self.network().connect(adapter, addr).unwrap().0
    }

    #[track_caller]
    pub fn connect(&self, adapter: impl Connect, addr: impl ToRemoteAddr) -> Endpoint {
        let endpoint = self.begin(adapter, addr);
        match self.next() {
            StoredNetEvent::Connected(other, true) if other == endpoint => endpoint,
            other => panic!("not connected: {other:?}, {:?}", self.reason(endpoint)),
        }
    }

    /// Connects, which must fail: the reason.
    #[track_caller]
    pub fn connect_in_vain(&self, adapter: impl Connect, addr: impl ToRemoteAddr) -> CloseReason {
        let endpoint = self.begin(adapter, addr);
        match self.next() {
            StoredNetEvent::Connected(other, false) if other == endpoint => {}
            other => panic!("{other:?} instead of a failed connect"),
        }
        self.reason(endpoint).expect("a reason")
    }

    #[track_caller]
    pub fn next(&self) -> StoredNetEvent {
        self.events.recv_timeout(DEADLINE).expect("an event comes in time")
    }

    #[track_caller]
    pub fn accepted(&self) -> Endpoint {
        match self.next() {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("not accepted: {other:?}"),
        }
    }

    #[track_caller]
    pub fn message(&self) -> Vec<u8> {
        match self.next() {
            StoredNetEvent::Message(_, message) => message,
            other => panic!("not a message: {other:?}"),
        }
    }

    /// So many bytes, in however many messages.
    #[track_caller]
    pub fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend(self.message());
        }
        bytes
    }

    /// The next event is the end of `endpoint`: why.
    #[track_caller]
    pub fn disconnected(&self, endpoint: Endpoint) -> CloseReason {
        let event = self.next();
        let is_it = matches!(event, StoredNetEvent::Disconnected(other) if other == endpoint);
        assert!(is_it, "{event:?} instead of Disconnected");
        self.reason(endpoint).expect("a reason")
    }

    pub fn reason(&self, endpoint: Endpoint) -> Option<CloseReason> {
        self.network().close_reason(endpoint)
    }

    #[track_caller]
    pub fn send(&self, endpoint: Endpoint, message: &[u8]) {
        assert_eq!(self.network().send(endpoint, message), SendStatus::Sent);
    }

    #[track_caller]
    pub fn info(&self, endpoint: Endpoint) -> TlsInfo {
        let info = self.network().info::<TlsInfo>(endpoint);
        TlsInfo::clone(&info.expect("a connection over TLS"))
    }

    /// Waits until the log has a line with all of `parts`.
    #[track_caller]
    pub fn assert_logs(&self, parts: &[&str]) {
        let mut seen = Vec::new();
        loop {
            match self.logs.recv_timeout(DEADLINE) {
                Ok(line) if parts.iter().all(|part| line.contains(part)) => return,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no {parts:?} in {seen:#?}"),
            }
        }
    }

    /// How many lines with all of `parts` the log has had since it was looked at last.
    pub fn logged(&self, parts: &[&str]) -> usize {
        self.settle();
        let is_it = |line: &String| parts.iter().all(|part| line.contains(part));
        self.logs.try_iter().filter(is_it).count()
    }

    /// Waits until the log tells that a handshake failed with `error`.
    #[track_caller]
    pub fn assert_refused(&self, error: &TlsError) {
        self.assert_logs(&["handshake failed", &error.to_string()]);
    }

    /// Waits until the loop has served all that was there before.
    #[track_caller]
    pub fn settle(&self) {
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

    pub fn stop(mut self) {
        self.handler.stop();
        self.thread.take().expect("it runs").join().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the node's thread panicked");
        }
    }
}

/// The error of TLS that a connection ended by.
#[track_caller]
pub fn tls_error(reason: &CloseReason) -> TlsError {
    TlsError::of(reason).unwrap_or_else(|| panic!("{reason:?} is not of TLS")).clone()
}

/// What `run` logs on this thread.
pub fn logs_of(run: impl FnOnce()) -> Vec<String> {
    let (sender, lines) = mpsc::channel();
    collect_logs();
    log_to(sender, run);
    lines.try_iter().collect()
}

thread_local! {
    /// Who gets the lines that this thread logs.
    static LINES: RefCell<Option<Sender<String>>> = const { RefCell::new(None) };
}

/// Sends what this thread logs while it runs `run` to `lines`.
fn log_to(lines: Sender<String>, run: impl FnOnce()) {
    LINES.set(Some(lines));
    run();
    LINES.set(None);
}

/// Has all threads log to [`LINES`], before any logs: tracing keeps what is logged first by a thread without a
/// subscriber from all others as well.
fn collect_logs() {
    static COLLECTS: Once = Once::new();
    COLLECTS.call_once(|| tracing::subscriber::set_global_default(Collector).unwrap());
}

/// Sends each line of the log to the test.
struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("polywire")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            write!(line, " {}={value:?}", field.name()).unwrap();
        });
        LINES.with_borrow(|lines| lines.iter().for_each(|lines| _ = lines.send(line.clone())));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
