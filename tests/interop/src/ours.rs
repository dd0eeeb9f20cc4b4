//! The echo programs on polywire.

use polywire as lib;

use std::any::Any;
use std::sync::Arc;

use lib::adapter::{Connect, Listen};
use lib::adapters::tls::TlsInfo;
use lib::network::{CloseReason, MessageKind};

/// Why a connection ended.
pub type Reason = Option<CloseReason>;

fn reason_of(handler: &NodeHandler<()>, endpoint: Endpoint) -> Reason {
    handler.network().close_reason(endpoint)
}

include!("programs.rs");

impl EchoServer {
    /// A server by any adapter.
    pub fn listen(adapter: impl Listen) -> Result<Self> {
        let (handler, listener) = node::split();
        let (_, addr) = handler.network().listen(adapter, "127.0.0.1:0")?;
        Ok(Self::run(handler, listener, addr))
    }
}

impl Client {
    /// A client by any adapter, and its own address; `transport` says how messages come back.
    pub fn connect_by(
        adapter: impl Connect,
        transport: Transport,
        addr: &str,
    ) -> Result<(Self, SocketAddr)> {
        let (handler, listener) = node::split();
        let (server, local) = handler.network().connect(adapter, addr)?;
        Ok((Self::run(handler, listener, server, transport)?, local))
    }

    /// Asks the server for the address of this client, as it sees it.
    pub fn ask_who(&mut self) -> Result<String> {
        self.handler.network().send(self.server, b"who");
        Ok(String::from_utf8(self.next_message()?)?)
    }

    /// What is known of the connection.
    pub fn tls(&self) -> Option<Arc<TlsInfo>> {
        self.handler.network().info(self.server)
    }
}

impl EchoServer {
    /// Acts on the node of the server.
    pub fn handler(&self) -> &NodeHandler<()> {
        &self.handler
    }
}

impl Client {
    /// Says something to the transport.
    pub fn control(&self, value: impl Any + Send) {
        self.handler.network().control(self.server.resource_id(), value);
    }

    /// What is known of the connection, by its type.
    pub fn info<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.handler.network().info(self.server)
    }

    /// Sends a message to which no answer is waited for.
    pub fn say(&self, kind: MessageKind, message: &[u8]) -> Result {
        match self.handler.network().send_as(self.server, kind, message) {
            SendStatus::Sent => Ok(()),
            status => Err(format!("{} bytes were not sent: {status:?}", message.len()).into()),
        }
    }

    /// The next message, which is text.
    pub fn next_text(&mut self) -> Result<String> {
        Ok(String::from_utf8(self.next_message()?)?)
    }

    /// Waits for the end of the connection.
    pub fn wait_for_end(mut self) -> Result<Reason> {
        match self.next_event()? {
            StoredNetEvent::Disconnected(endpoint) => Ok(reason_of(&self.handler, endpoint)),
            other => Err(format!("not disconnected: {other:?}").into()),
        }
    }
}

/// Why the connection that `adapter` asks for is refused.
pub fn refused(adapter: impl Connect, addr: &str) -> Result<CloseReason> {
    let (handler, listener) = node::split::<()>();
    let (server, _) = handler.network().connect(adapter, addr)?;
    let (_task, mut events) = listener.enqueue();
    let event = events.receive_timeout(DEADLINE);
    let reason = handler.network().close_reason(server);
    handler.stop();
    match event {
        Some(StoredNodeEvent::Network(StoredNetEvent::Connected(_, false))) => {
            Ok(reason.ok_or("no reason")?)
        }
        other => Err(format!("not refused: {other:?}").into()),
    }
}
