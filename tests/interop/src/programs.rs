// An echo server and its client. Included twice, in a module where `lib` is polywire and in one
// where it is message-io: the same program is both.

use std::net::SocketAddr;
use std::sync::mpsc;

use lib::events::EventReceiver;
use lib::network::{Endpoint, NetEvent, SendStatus, Transport};
use lib::node::{self, NodeEvent, NodeHandler, NodeListener, NodeTask, StoredNetEvent, StoredNodeEvent};

use crate::{DEADLINE, Result};

/// An echo server on a thread of its own. It removes whoever sends `close`, and tells who sends `who` its address.
pub struct EchoServer {
    pub addr: SocketAddr,
    handler: NodeHandler<()>,
    ends: mpsc::Receiver<Reason>,
    _task: NodeTask,
}

impl EchoServer {
    pub fn start(transport: Transport) -> Result<Self> {
        let (handler, listener) = node::split();
        let (_, addr) = handler.network().listen(transport, "127.0.0.1:0")?;
        Ok(Self::run(handler, listener, addr))
    }

    fn run(handler: NodeHandler<()>, listener: NodeListener<()>, addr: SocketAddr) -> Self {
        let (ended, ends) = mpsc::channel();
        let inside = handler.clone();
        let task = listener.for_each_async(move |event| {
            let NodeEvent::Network(event) = event else { return };
            match event {
                NetEvent::Message(endpoint, b"close") => {
                    inside.network().remove(endpoint.resource_id());
                }
                NetEvent::Message(endpoint, b"who") => {
                    inside.network().send(endpoint, endpoint.addr().to_string().as_bytes());
                }
                NetEvent::Message(endpoint, message) => {
                    inside.network().send(endpoint, message);
                }
                NetEvent::Disconnected(endpoint) => {
                    let _ = ended.send(reason_of(&inside, endpoint));
                }
                NetEvent::Connected(..) | NetEvent::Accepted(..) => {}
            }
        });
        Self { addr, handler, ends, _task: task }
    }

    /// Why the next client left.
    pub fn next_end(&self) -> Result<Reason> {
        Ok(self.ends.recv_timeout(DEADLINE).map_err(|_| "the client's end was not seen")?)
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// A connection to somebody else's echo server.
pub struct Client {
    server: Endpoint,
    transport: Transport,
    handler: NodeHandler<()>,
    events: EventReceiver<StoredNodeEvent<()>>,
    _task: NodeTask,
}

impl Client {
    pub fn connect(transport: Transport, addr: &str) -> Result<Self> {
        let (handler, listener) = node::split();
        let (server, _) = handler.network().connect(transport, addr)?;
        Self::run(handler, listener, server, transport)
    }

    fn run(
        handler: NodeHandler<()>,
        listener: NodeListener<()>,
        server: Endpoint,
        transport: Transport,
    ) -> Result<Self> {
        let (task, events) = listener.enqueue();
        let mut client = Self { server, transport, handler, events, _task: task };
        match client.next_event()? {
            StoredNetEvent::Connected(_, true) => Ok(client),
            other => Err(format!("not connected: {other:?}").into()),
        }
    }

    /// Sends `message` and waits for the same to come back.
    pub fn echo(&mut self, message: &[u8]) -> Result {
        let status = self.handler.network().send(self.server, message);
        if status != SendStatus::Sent {
            let (len, why) = (message.len(), reason_of(&self.handler, self.server));
            return Err(format!("{len} bytes were not sent: {status:?}, {why:?}").into());
        }
        let mut echo = self.next_message()?;
        while self.transport == Transport::Tcp && echo.len() < message.len() {
            echo.extend(self.next_message()?);
        }
        match echo == message {
            true => Ok(()),
            false => Err(format!("{} bytes became {} others", message.len(), echo.len()).into()),
        }
    }

    /// Asks the server to end the connection and returns why it ended.
    pub fn ask_to_close(mut self) -> Result<Reason> {
        self.handler.network().send(self.server, b"close");
        match self.next_event()? {
            StoredNetEvent::Disconnected(endpoint) => Ok(reason_of(&self.handler, endpoint)),
            other => Err(format!("not disconnected: {other:?}").into()),
        }
    }

    /// Ends the connection.
    pub fn close(self) {
        self.handler.network().remove(self.server.resource_id());
    }

    fn next_message(&mut self) -> Result<Vec<u8>> {
        match self.next_event()? {
            StoredNetEvent::Message(_, message) => Ok(message),
            other => Err(format!("no answer: {other:?}").into()),
        }
    }

    fn next_event(&mut self) -> Result<StoredNetEvent> {
        match self.events.receive_timeout(DEADLINE) {
            Some(StoredNodeEvent::Network(event)) => Ok(event),
            Some(StoredNodeEvent::Signal(())) | None => Err("nothing came in time".into()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.handler.stop();
    }
}
