//! Transports with a layer between them and TCP.

use std::io;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Layer;

use crate::socket::TcpSocket;

/// A configuration of a transport, and a layer that lies between that transport and TCP: what
/// `network.connect` and `network.listen` take. Made by `over`, which the configurations of the stream
/// transports have.
///
/// TLS that the configuration asks for lies above the layer, so one that reads what a proxy says of a client
/// reads it before the handshake. Several layers are a pair of them, the one next to TCP first.
///
/// ```
/// use polywire_core::network;
/// use polywire_core::stream::NoLayer;
/// use polywire_tcp::TcpListenConfig;
///
/// # fn main() -> std::io::Result<()> {
/// let (network, _processor) = network::split();
/// network.listen(TcpListenConfig::default().over(NoLayer), "127.0.0.1:0")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Over<C, L> {
    config: C,
    layer: L,
}

impl<C, L> Over<C, L> {
    /// `layer` between `config`'s transport and TCP.
    pub fn new(config: C, layer: L) -> Self {
        Self { config, layer }
    }
}

/// A way to connect over TCP that lets a layer lie in between: what [`Over`] needs.
pub trait ConnectOver: Connect {
    /// As [`Connect::connect`], over `layer`.
    ///
    /// # Errors
    ///
    /// As [`connect_over`](crate::connect_over).
    fn connect_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Connection>;
}

/// A way to listen over TCP that lets a layer lie in between: what [`Over`] needs.
pub trait ListenOver: Listen {
    /// As [`Listen::listen`], over `layer`.
    ///
    /// # Errors
    ///
    /// As [`listen_over`](crate::listen_over).
    fn listen_over<L: Layer<TcpSocket>>(&self, addr: &RemoteAddr, layer: L)
    -> io::Result<Listener>;
}

impl<C: ConnectOver, L: Layer<TcpSocket> + Clone> Connect for Over<C, L> {
    fn tag(&self) -> u8 {
        self.config.tag()
    }

    fn looks_up(&self, addr: &RemoteAddr) -> bool {
        self.config.looks_up(addr)
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        self.config.connect_over(addr, self.layer.clone())
    }
}

impl<C: ListenOver, L: Layer<TcpSocket> + Clone> Listen for Over<C, L> {
    fn tag(&self) -> u8 {
        self.config.tag()
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        self.config.listen_over(addr, self.layer.clone())
    }
}
