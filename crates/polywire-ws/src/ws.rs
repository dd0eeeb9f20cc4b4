//! The adapter: WebSocket over TCP.

use std::io;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_tcp::{connect_stream, listen_stream};

use crate::connect_config::WsConnectConfig;
use crate::listen_config::WsListenConfig;
use crate::protocol::WsProtocol;
use crate::url::WsUrl;

/// The number of this transport in [`ResourceId`](polywire_core::endpoint::ResourceId)s.
const TAG: u8 = 3;

/// WebSocket with default settings: those of [`WsConnectConfig`] and [`WsListenConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ws;

impl Connect for Ws {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        WsConnectConfig::default().connect(addr)
    }
}

impl Listen for Ws {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        WsListenConfig::default().listen(addr)
    }
}

/// Takes what [`WsUrl::parse`] takes. An address that it refuses is an error before any socket is
/// opened.
impl Connect for WsConnectConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let url = WsUrl::parse(addr)?;
        let protocol = WsProtocol::client(&url, self)?;
        connect_stream(&self.tcp, url.remote_addr(), protocol)
    }
}

impl Listen for WsListenConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        listen_stream(&self.tcp, addr, WsProtocol::servers(self)?)
    }
}
