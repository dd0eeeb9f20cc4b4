//! Transports over a layer.

use std::io;

use polywire_core::Limits;
use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Layer;
use polywire_framed_tcp::Framed;
use polywire_tcp::{Raw, TcpConnectConfig, TcpListenConfig, TcpSocket, connect_over, listen_over};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

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

    /// Framed messages.
    pub fn framed(layer: L) -> Self {
        Self::new(Kind::Framed, layer)
    }

    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
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
        let config = TcpConnectConfig::default().with_limits(self.limits.clone());
        let layer = self.layer.clone();
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
