//! Nodes that run on a thread of their own.

use std::net::SocketAddr;
use std::time::Duration;

use polywire::events::EventReceiver;
use polywire::node::{NodeTask, StoredNodeEvent};

use super::{
    DEADLINE, Endpoint, Handler, LOCALHOST, NetEvent, NodeEvent, ResourceId, Signal,
    StoredNetEvent, Transport, split,
};

/// A node whose events the test takes one by one. Dropping it stops it.
pub struct Watched {
    pub handler: Handler,
    task: NodeTask,
    events: EventReceiver<StoredNodeEvent<Signal>>,
}

impl Watched {
    pub fn start() -> Self {
        let (handler, listener) = split();
        let (task, events) = listener.enqueue();
        Self { handler, task, events }
    }

    pub fn listen(&self, transport: Transport) -> (ResourceId, SocketAddr) {
        self.handler.network().listen(transport, LOCALHOST).unwrap()
    }

    pub fn connect(&self, transport: Transport, addr: SocketAddr) -> Endpoint {
        self.handler.network().connect(transport, addr).unwrap().0
    }

    /// The next event of the network.
    pub fn next(&mut self, awaited: &str) -> StoredNetEvent {
        match self.next_within(DEADLINE) {
            Some(event) => event,
            None => panic!("waited {DEADLINE:?} for {awaited}"),
        }
    }

    /// The next event of the network, if it comes in time.
    pub fn next_within(&mut self, time: Duration) -> Option<StoredNetEvent> {
        self.events.receive_timeout(time).map(StoredNodeEvent::network)
    }

    pub fn accepted(&mut self) -> Endpoint {
        match self.next("Accepted") {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("{other:?} instead of Accepted"),
        }
    }

    pub fn connected(&mut self) -> (Endpoint, bool) {
        match self.next("Connected") {
            StoredNetEvent::Connected(endpoint, ok) => (endpoint, ok),
            other => panic!("{other:?} instead of Connected"),
        }
    }

    pub fn disconnected(&mut self) -> Endpoint {
        match self.next("Disconnected") {
            StoredNetEvent::Disconnected(endpoint) => endpoint,
            other => panic!("{other:?} instead of Disconnected"),
        }
    }

    pub fn message(&mut self) -> (Endpoint, Vec<u8>) {
        match self.next("Message") {
            StoredNetEvent::Message(endpoint, message) => (endpoint, message),
            other => panic!("{other:?} instead of Message"),
        }
    }

    /// Has another connection come and go, so that whatever came before it has been told, and
    /// returns the events of others met meanwhile, and those still to come until the node's end.
    pub fn rest(mut self) -> Vec<StoredNetEvent> {
        let (_, addr) = self.listen(Transport::Udp);
        let fence = self.connect(Transport::Udp, addr);
        self.handler.network().send(fence, b"fence");
        let mut rest = Vec::new();
        loop {
            match self.next("the end of what is to be told") {
                StoredNetEvent::Connected(endpoint, _) if endpoint == fence => {}
                StoredNetEvent::Message(endpoint, _)
                    if endpoint.resource_id().adapter_id() == 2 =>
                {
                    break;
                }
                event => rest.push(event),
            }
        }
        self.handler.stop();
        self.task.wait();
        while let Some(event) = self.events.try_receive() {
            rest.push(event.network());
        }
        rest
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// A node that sends back what it gets. Dropping it stops it.
pub struct Echo {
    pub handler: Handler,
    pub addr: SocketAddr,
    _task: NodeTask,
}

impl Echo {
    pub fn start(transport: Transport) -> Self {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let echoing = handler.clone();
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
                echoing.network().send(endpoint, message);
            }
        });
        Self { handler, addr, _task: task }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.handler.stop();
    }
}
