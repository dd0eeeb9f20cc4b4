//! TCP byte streams for polywire, and the sockets its stream transports share.
//!
//! # In scope
//! * [`Tcp`], or [`TcpConnectConfig`] and [`TcpListenConfig`] for other than the defaults: what
//!   `network.connect` and `network.listen` take
//! * [`TcpSocketConfig`], the socket options that connecting and listening share; they are set
//!   before the connection exists and not read again
//! * [`connect_stream`] and [`listen_stream`], which bring any
//!   [`Protocol`](polywire_core::stream::Protocol) onto a TCP socket
//! * [`connect_over`] and [`listen_over`], the same over a [`Layer`]; `config.over(layer)` does that with a transport
//! * TLS, by `with_tls` of the configurations, with the feature `tls` or `tls-ring`
//! * [`TcpSocket`], that socket as a [`Stream`](polywire_core::stream::Stream)
//!
//! # Out of scope
//! * Message boundaries: what arrives is what one read found. `polywire-framed-tcp` keeps them
//! * Reading and writing, which the [`Engine`](polywire_core::stream::Engine) of core does
//! * Reconnecting
//!
//! ```
//! use polywire_core::network;
//! use polywire_tcp::{Tcp, TcpKeepalive, TcpListenConfig};
//! use std::time::Duration;
//!
//! # fn main() -> std::io::Result<()> {
//! let (network, _processor) = network::split();
//! let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
//! let config = TcpListenConfig::default().with_keepalive(keepalive).with_backlog(4096);
//! let (_listener, addr) = network.listen(config, "127.0.0.1:0")?;
//! let (_endpoint, _local) = network.connect(Tcp, ("localhost", addr.port()))?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "__tls"))))]

mod connect;
mod connect_config;
mod door;
mod keepalive;
mod listen;
mod listen_config;
mod over;
mod protocol;
mod socket;
mod socket_config;

use std::io;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Layer;

pub use connect::{connect_over, connect_stream, dial_over};
pub use connect_config::TcpConnectConfig;
pub use keepalive::TcpKeepalive;
pub use listen::{listen_over, listen_stream};
pub use listen_config::TcpListenConfig;
pub use over::{ConnectOver, ListenOver, Over};
pub use protocol::Raw;
pub use socket::TcpSocket;
pub use socket_config::TcpSocketConfig;

/// The number of TCP in [`ResourceId::adapter_id`](polywire_core::endpoint::ResourceId::adapter_id).
const TAG: u8 = 0;

/// TCP with the defaults of [`TcpConnectConfig`] and [`TcpListenConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tcp;

impl Connect for Tcp {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        TcpConnectConfig::default().connect(addr)
    }
}

impl Listen for Tcp {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        TcpListenConfig::default().listen(addr)
    }
}

impl Connect for TcpConnectConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connect_stream(self, addr, Raw)
    }
}

impl ConnectOver for TcpConnectConfig {
    fn connect_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Connection> {
        connect_over(self, addr, layer, Raw)
    }
}

impl Listen for TcpListenConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        listen_stream(self, addr, |_| Raw)
    }
}

impl ListenOver for TcpListenConfig {
    fn listen_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Listener> {
        listen_over(self, addr, layer, |_| Raw)
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
