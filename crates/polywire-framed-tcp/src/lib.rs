//! Length-prefixed messages over TCP for polywire.
//!
//! On the wire a message is its length, as an unsigned LEB128 number of at most
//! [`MAX_ENCODED_SIZE`](encoding::MAX_ENCODED_SIZE) bytes without needless ones, and then its
//! bytes. Empty messages are messages too. Framed TCP peers of message-io speak the same.
//!
//! # In scope
//! * [`FramedTcp`], or [`FramedTcpConnectConfig`] and [`FramedTcpListenConfig`] for other than the
//!   defaults: what `network.connect` and `network.listen` take
//! * [`Framed`], the framing as a protocol for any stream
//! * [`encoding`], the framing for programs that read and write streams by hand
//!
//! # Out of scope
//! * Sockets and their options, which come from [`polywire_tcp`]
//! * What a message means: serialization, compression. TLS underneath is there by `with_tls`, with the
//!   feature `tls` or `tls-ring`
//!
//! ```
//! use polywire_core::network;
//! use polywire_framed_tcp::{FramedTcp, FramedTcpListenConfig};
//!
//! # fn main() -> std::io::Result<()> {
//! let (network, _processor) = network::split();
//! let config = FramedTcpListenConfig::default().with_max_message_size(1 << 20);
//! let (_listener, addr) = network.listen(config, "127.0.0.1:0")?;
//! let (endpoint, _local) = network.connect(FramedTcp, ("localhost", addr.port()))?;
//! network.send(endpoint, b"goes out once it is connected");
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "__tls"))))]

mod config;
pub mod encoding;
mod length;
mod protocol;
mod tls;

use std::io;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Layer, NoLayer};
use polywire_tcp::{ConnectOver, ListenOver, TcpSocket, connect_over, listen_over};

pub use config::{FramedTcpConnectConfig, FramedTcpListenConfig};
pub use protocol::{DEFAULT_MAX_MESSAGE_SIZE, Framed};

/// The number of framed TCP in
/// [`ResourceId::adapter_id`](polywire_core::endpoint::ResourceId::adapter_id).
const TAG: u8 = 1;

/// Framed TCP with the defaults of [`FramedTcpConnectConfig`] and [`FramedTcpListenConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FramedTcp;

impl Connect for FramedTcp {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        FramedTcpConnectConfig::default().connect(addr)
    }
}

impl Listen for FramedTcp {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        FramedTcpListenConfig::default().listen(addr)
    }
}

impl Connect for FramedTcpConnectConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        self.connect_over(addr, NoLayer)
    }
}

impl ConnectOver for FramedTcpConnectConfig {
    fn connect_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Connection> {
        connect_over(&self.tcp, addr, layer, Framed::new(self.max_message_size))
    }
}

impl Listen for FramedTcpListenConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        self.listen_over(addr, NoLayer)
    }
}

impl ListenOver for FramedTcpListenConfig {
    fn listen_over<L: Layer<TcpSocket>>(
        &self,
        addr: &RemoteAddr,
        layer: L,
    ) -> io::Result<Listener> {
        let max_message_size = self.max_message_size;
        listen_over(&self.tcp, addr, layer, move |_| Framed::new(max_message_size))
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_and_connections_bear_the_number_of_framed_tcp() {
        assert_eq!((Connect::tag(&FramedTcp), Listen::tag(&FramedTcp)), (1, 1));
        assert_eq!(FramedTcpConnectConfig::default().tag(), 1);
        assert_eq!(FramedTcpListenConfig::default().tag(), 1);
    }

    #[test]
    fn a_listener_opens_on_any_port() {
        let addr = RemoteAddr::Socket("127.0.0.1:0".parse().unwrap());
        assert!(FramedTcp.listen(&addr).is_ok());
    }

    #[test]
    fn what_is_not_an_address_is_an_error() {
        for text in ["", "localhost", "no-such-host.invalid:80"] {
            let addr = RemoteAddr::Str(text.into());
            assert!(FramedTcp.connect(&addr).is_err(), "{text}");
            assert!(FramedTcp.listen(&addr).is_err(), "{text}");
        }
    }
}
