//! The echo programs on polywire.

use polywire as lib;

use std::sync::Arc;

use lib::adapter::{Connect, Listen};
use lib::adapters::tls::TlsInfo;
use lib::network::CloseReason;

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
