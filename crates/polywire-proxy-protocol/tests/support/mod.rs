//! A node under test, and transports over the layer.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::{RemoteAddr, ToRemoteAddr};
use polywire_core::network::NetworkController;
use polywire_core::node::{self, NodeEvent, NodeHandler, NodeTask, StoredNetEvent};
use polywire_core::stream::Layer;
use polywire_core::{CloseReason, Endpoint, Limits};
use polywire_framed_tcp::Framed;
use polywire_proxy_protocol::ProxyListenConfig;
use polywire_tcp::{Raw, TcpConnectConfig, TcpListenConfig, TcpSocket, connect_over, listen_over};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

/// Within this, everything that must happen has happened.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A proxy on this machine.
pub fn localhost() -> ProxyListenConfig {
    ProxyListenConfig::new([IpAddr::from([127, 0, 0, 1])])
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Tcp,
    Framed,
    Ws,
}

pub const KINDS: [Kind; 3] = [Kind::Tcp, Kind::Framed, Kind::Ws];

/// A transport over a layer.
#[derive(Clone)]
pub struct Over<L> {
    pub kind: Kind,
    pub layer: L,
    pub limits: Limits,
}

impl<L> Over<L> {
    pub fn new(kind: Kind, layer: L) -> Self {
        Self { kind, layer, limits: Limits::default() }
    }
}

impl<L: Layer<TcpSocket> + Clone> Listen for Over<L> {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let config = TcpListenConfig::default().with_limits(self.limits.clone());
        let layer = self.layer.clone();
        match self.kind {
            Kind::Tcp => listen_over(&config, addr, layer, |_| Raw),
            Kind::Framed => listen_over(&config, addr, layer, |_| Framed::default()),
            Kind::Ws => listen_over(&config, addr, layer, |_| {
                WsProtocol::server(&WsListenConfig::default()).unwrap()
            }),
        }
    }
}

impl<L: Layer<TcpSocket> + Clone> Connect for Over<L> {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let (config, layer) = (TcpConnectConfig::default(), self.layer.clone());
        match self.kind {
            Kind::Tcp => connect_over(&config, addr, layer, Raw),
            Kind::Framed => connect_over(&config, addr, layer, Framed::default()),
            Kind::Ws => {
                let url = WsUrl::parse(&RemoteAddr::Str(format!("ws://{addr}/")))?;
                let protocol = WsProtocol::client(&url, &WsConnectConfig::default())?;
                connect_over(&config, addr, layer, protocol)
            }
        }
    }
}

/// A node on a thread of its own, whose events the test takes one by one.
pub struct Node {
    pub handler: NodeHandler<mpsc::Sender<()>>,
    events: Receiver<StoredNetEvent>,
    _task: NodeTask,
}

impl Node {
    pub fn new() -> Self {
        let (handler, listener) = node::split::<mpsc::Sender<()>>();
        let (sender, events) = mpsc::channel();
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(event) => {
                let _ = sender.send(StoredNetEvent::from(event));
            }
            NodeEvent::Signal(answer) => {
                let _ = answer.send(());
            }
        });
        Self { handler, events, _task: task }
    }

    pub fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    #[track_caller]
    pub fn listen(&self, adapter: impl Listen) -> SocketAddr {
        self.network().listen(adapter, "127.0.0.1:0").unwrap().1
    }

    #[track_caller]
    pub fn connect(&self, adapter: impl Connect, addr: impl ToRemoteAddr) -> Endpoint {
        let endpoint = self.network().connect(adapter, addr).unwrap().0;
        match self.next() {
            StoredNetEvent::Connected(other, true) if other == endpoint => endpoint,
            other => panic!("not connected: {other:?}, {:?}", self.reason(endpoint)),
        }
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

    pub fn reason(&self, endpoint: Endpoint) -> Option<CloseReason> {
        self.network().close_reason(endpoint)
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
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
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
