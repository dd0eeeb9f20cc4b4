//! The built-in transports with a configuration each, and how they connect and listen.

#![cfg_attr(
    not(any(feature = "framed-tcp", feature = "udp", feature = "ws")),
    allow(
        unreachable_code,
        unreachable_patterns,
        unused_variables,
        reason = "without a transport the enums that list them are empty"
    )
)]

use std::io;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;

use super::transport::Transport;

#[cfg(feature = "framed-tcp")]
use polywire_framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
#[cfg(feature = "tcp")]
use polywire_tcp::{TcpConnectConfig, TcpListenConfig};
#[cfg(feature = "udp")]
use polywire_udp::{UdpConnectConfig, UdpListenConfig};

/// A transport to connect by, with its configuration, to be chosen at run time. The configurations
/// themselves work in its place.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "programs write the variants out, and make one for a connect, not for a message"
)]
pub enum TransportConnect {
    /// As [`Transport::Tcp`].
    #[cfg(feature = "tcp")]
    Tcp(TcpConnectConfig),
    /// As [`Transport::FramedTcp`].
    #[cfg(feature = "framed-tcp")]
    FramedTcp(FramedTcpConnectConfig),
    /// As [`Transport::Udp`].
    #[cfg(feature = "udp")]
    Udp(UdpConnectConfig),
    /// As [`Transport::Ws`]; to configure it, use
    /// [`WsConnectConfig`](crate::adapters::ws::WsConnectConfig).
    #[cfg(feature = "ws")]
    Ws,
    /// As [`Transport::Wss`]; to configure it, use
    /// [`WsConnectConfig`](crate::adapters::ws::WsConnectConfig).
    #[cfg(all(feature = "ws", feature = "__tls"))]
    #[cfg_attr(docsrs, doc(cfg(all(feature = "ws", feature = "tls"))))]
    Wss,
}

/// A transport to listen by, with its configuration, to be chosen at run time. The configurations
/// themselves work in its place.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "programs write the variants out, and make one for a listen, not for a message"
)]
pub enum TransportListen {
    /// As [`Transport::Tcp`].
    #[cfg(feature = "tcp")]
    Tcp(TcpListenConfig),
    /// As [`Transport::FramedTcp`].
    #[cfg(feature = "framed-tcp")]
    FramedTcp(FramedTcpListenConfig),
    /// As [`Transport::Udp`].
    #[cfg(feature = "udp")]
    Udp(UdpListenConfig),
    /// As [`Transport::Ws`]; to configure it, use
    /// [`WsListenConfig`](crate::adapters::ws::WsListenConfig).
    #[cfg(feature = "ws")]
    Ws,
    /// A transport over TLS that was given no certificate: to listen is an error that says how to give one.
    #[cfg(feature = "__tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    WithoutCertificate(Transport),
}

impl TransportConnect {
    /// The number of the transport: see [`Transport::id`].
    pub fn id(&self) -> u8 {
        Transport::from(self).id()
    }
}

impl TransportListen {
    /// The number of the transport: see [`Transport::id`].
    pub fn id(&self) -> u8 {
        Transport::from(self).id()
    }
}

/// The transport itself, or over TLS if the configuration has it.
#[cfg(feature = "framed-tcp")] // And so where there is `tcp`.
macro_rules! of_config {
    ($config:expr, $plain:ident, $secure:ident) => {{
        #[cfg(feature = "__tls")]
        let transport = match $config.tls {
            Some(_) => Self::$secure,
            None => Self::$plain,
        };
        #[cfg(not(feature = "__tls"))]
        let transport = Self::$plain;
        transport
    }};
}

impl From<&TransportConnect> for Transport {
    fn from(config: &TransportConnect) -> Self {
        match *config {
            #[cfg(feature = "tcp")]
            TransportConnect::Tcp(ref _config) => of_config!(_config, Tcp, TcpTls),
            #[cfg(feature = "framed-tcp")]
            TransportConnect::FramedTcp(ref _config) => {
                of_config!(_config.tcp, FramedTcp, FramedTcpTls)
            }
            #[cfg(feature = "udp")]
            TransportConnect::Udp(_) => Self::Udp,
            #[cfg(feature = "ws")]
            TransportConnect::Ws => Self::Ws,
            #[cfg(all(feature = "ws", feature = "__tls"))]
            TransportConnect::Wss => Self::Wss,
        }
    }
}

impl From<&TransportListen> for Transport {
    fn from(config: &TransportListen) -> Self {
        match *config {
            #[cfg(feature = "tcp")]
            TransportListen::Tcp(ref _config) => of_config!(_config, Tcp, TcpTls),
            #[cfg(feature = "framed-tcp")]
            TransportListen::FramedTcp(ref _config) => {
                of_config!(_config.tcp, FramedTcp, FramedTcpTls)
            }
            #[cfg(feature = "udp")]
            TransportListen::Udp(_) => Self::Udp,
            #[cfg(feature = "ws")]
            TransportListen::Ws => Self::Ws,
            #[cfg(feature = "__tls")]
            TransportListen::WithoutCertificate(transport) => transport,
        }
    }
}

/// With the default configuration; over TLS, with the certification authorities of the system.
impl From<Transport> for TransportConnect {
    fn from(transport: Transport) -> Self {
        match transport {
            #[cfg(feature = "tcp")]
            Transport::Tcp => Self::Tcp(Default::default()),
            #[cfg(feature = "framed-tcp")]
            Transport::FramedTcp => Self::FramedTcp(Default::default()),
            #[cfg(feature = "udp")]
            Transport::Udp => Self::Udp(Default::default()),
            #[cfg(feature = "ws")]
            Transport::Ws => Self::Ws,
            #[cfg(all(feature = "tcp", feature = "__tls"))]
            Transport::TcpTls => {
                Self::Tcp(TcpConnectConfig::default().with_tls(Default::default()))
            }
            #[cfg(all(feature = "framed-tcp", feature = "__tls"))]
            Transport::FramedTcpTls => {
                Self::FramedTcp(FramedTcpConnectConfig::default().with_tls(Default::default()))
            }
            #[cfg(all(feature = "ws", feature = "__tls"))]
            Transport::Wss => Self::Wss,
        }
    }
}

/// With the default configuration. One over TLS [needs a certificate](Self::WithoutCertificate).
impl From<Transport> for TransportListen {
    fn from(transport: Transport) -> Self {
        match transport {
            #[cfg(feature = "tcp")]
            Transport::Tcp => Self::Tcp(Default::default()),
            #[cfg(feature = "framed-tcp")]
            Transport::FramedTcp => Self::FramedTcp(Default::default()),
            #[cfg(feature = "udp")]
            Transport::Udp => Self::Udp(Default::default()),
            #[cfg(feature = "ws")]
            Transport::Ws => Self::Ws,
            #[cfg(feature = "__tls")]
            #[allow(unreachable_patterns, reason = "there may be UDP alone")]
            secure => Self::WithoutCertificate(secure),
        }
    }
}

impl Connect for TransportConnect {
    fn tag(&self) -> u8 {
        Transport::from(self).plain().id()
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        match *self {
            #[cfg(feature = "tcp")]
            Self::Tcp(ref config) => config.connect(addr),
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp(ref config) => config.connect(addr),
            #[cfg(feature = "udp")]
            Self::Udp(ref config) => config.connect(addr),
            #[cfg(feature = "ws")]
            Self::Ws => polywire_ws::Ws.connect(addr),
            #[cfg(all(feature = "ws", feature = "__tls"))]
            Self::Wss => {
                let config = polywire_ws::WsConnectConfig::default();
                config.with_tls(Default::default()).connect(addr)
            }
        }
    }
}

impl Listen for TransportListen {
    fn tag(&self) -> u8 {
        Transport::from(self).plain().id()
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        match *self {
            #[cfg(feature = "tcp")]
            Self::Tcp(ref config) => config.listen(addr),
            #[cfg(feature = "framed-tcp")]
            Self::FramedTcp(ref config) => config.listen(addr),
            #[cfg(feature = "udp")]
            Self::Udp(ref config) => config.listen(addr),
            #[cfg(feature = "ws")]
            Self::Ws => polywire_ws::Ws.listen(addr),
            #[cfg(feature = "__tls")]
            Self::WithoutCertificate(transport) => Err(without_certificate(transport)),
        }
    }
}

#[cfg(feature = "__tls")]
fn without_certificate(transport: Transport) -> io::Error {
    let text = format!(
        "a listener over {transport} needs a certificate and its key: listen with a configuration of its \
         own, `..ListenConfig::default().with_tls(TlsListenConfig::new(identity))`"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl Connect for Transport {
    fn tag(&self) -> u8 {
        self.plain().id()
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        TransportConnect::from(*self).connect(addr)
    }
}

impl Listen for Transport {
    fn tag(&self) -> u8 {
        self.plain().id()
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        TransportListen::from(*self).listen(addr)
    }
}
