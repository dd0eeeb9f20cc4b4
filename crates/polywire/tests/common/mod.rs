//! What the contract tests share: nodes with a deadline, and one body run over many transports.
#![allow(dead_code, unused_imports, missing_docs, unreachable_pub)]

mod at_once;
mod configured;
mod raw;
mod raw_stream;
#[cfg(feature = "__tls")]
#[path = "../secure/mod.rs"]
pub mod secure;
mod transport;
mod watched;

use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

pub use at_once::at_once;
pub use configured::{
    connecting, connecting_with, for_messages, listening, listening_with, secured,
};
pub use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
pub use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
pub use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
pub use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
pub use polywire::network::{NetEvent, SendStatus};
pub use polywire::node::{self, NodeEvent, NodeHandler, NodeListener, StoredNetEvent};
pub use polywire::{CloseReason, Limits};
pub use polywire_core::adapter::{Connect, Listen};
pub use polywire_core::{Endpoint, ResourceId};
pub use raw::{ClosedPort, End, Flood, RawPeer, frame, noise};
pub use transport::Transport;
pub use watched::{Echo, Watched};

pub const LOCALHOST: &str = "127.0.0.1:0";

/// Nothing that these tests wait for takes so long, even on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 120 } else { 10 });

/// No test takes so long, whatever it waits for.
const WHOLE_TEST: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 1200 } else { 60 });

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    TimeIsUp,
    Step(usize),
}

pub type Handler = NodeHandler<Signal>;

/// Makes one test of each transport named before a contract, called `contract::transport`. Those behind `|` are
/// over TLS.
#[allow(unused_macros)]
macro_rules! over_transports {
    ($([$($name:ident)+ $(| $($secure:ident)+)?] fn $contract:ident($transport:ident) $body:block)+) => {$(
        mod $contract {
            #[allow(unused_imports)]
            use super::*;

            fn contract($transport: Transport) $body

            $(
                #[test]
                fn $name() {
                    let transport = stringify!($name).parse().unwrap();
                    $crate::common::in_time(move || contract(transport));
                }
            )+
            $($(
                #[test]
                #[cfg(feature = "__tls")]
                fn $secure() {
                    let transport = stringify!($secure).parse().unwrap();
                    $crate::common::in_time(move || contract(transport));
                }
            )+)?
        }
    )+};
}
pub(crate) use over_transports;

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

pub fn split() -> (Handler, NodeListener<Signal>) {
    node::split()
}

/// Runs the loop on this thread until `callback` stops the node, and fails if it does not.
pub fn run(
    handler: &Handler,
    listener: NodeListener<Signal>,
    awaited: &str,
    callback: impl FnMut(NodeEvent<'_, Signal>),
) {
    run_within(DEADLINE, handler, listener, awaited, callback);
}

pub fn run_within(
    time: Duration,
    handler: &Handler,
    listener: NodeListener<Signal>,
    awaited: &str,
    mut callback: impl FnMut(NodeEvent<'_, Signal>),
) {
    handler.signals().send_with_timer(Signal::TimeIsUp, time);
    listener.for_each(|event| match event {
        NodeEvent::Signal(Signal::TimeIsUp) => panic!("waited {time:?} for {awaited}"),
        event => callback(event),
    });
}

/// Waits for what no event tells.
pub fn eventually(awaited: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {awaited}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The transport with so little room in the system's buffers that frames are cut all the time, and
/// connecting with these limits.
pub fn narrow(transport: Transport, limits: Limits) -> (Box<dyn Listen>, Box<dyn Connect>) {
    const ROOM: usize = 16 << 10;
    let listen = TcpListenConfig::default().with_receive_buffer_size(ROOM);
    let connect = TcpConnectConfig::default().with_limits(limits).with_send_buffer_size(ROOM);
    (listening_with(transport, listen), connecting_with(transport, connect))
}
