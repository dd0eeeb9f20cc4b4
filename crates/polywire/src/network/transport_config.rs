//! The built-in transports with a configuration each, and how they connect and listen.

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
}

macro_rules! forward_to_the_transport {
    ($name:ident) => {
        impl $name {
            /// As [`Transport::id`].
            pub fn id(&self) -> u8 {
                Transport::from(self).id()
            }
        }

        impl From<&$name> for Transport {
            fn from(config: &$name) -> Self {
                match *config {
                    #[cfg(feature = "tcp")]
                    $name::Tcp(_) => Self::Tcp,
                    #[cfg(feature = "framed-tcp")]
                    $name::FramedTcp(_) => Self::FramedTcp,
                    #[cfg(feature = "udp")]
                    $name::Udp(_) => Self::Udp,
                    #[cfg(feature = "ws")]
                    $name::Ws => Self::Ws,
                }
            }
        }

        impl From<Transport> for $name {
            /// The transport with its default configuration.
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
                }
            }
        }
    };
}

forward_to_the_transport!(TransportConnect);
forward_to_the_transport!(TransportListen);

impl Connect for TransportConnect {
    fn tag(&self) -> u8 {
        self.id()
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
        }
    }
}

impl Listen for TransportListen {
    fn tag(&self) -> u8 {
        self.id()
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
        }
    }
}

impl Connect for Transport {
    fn tag(&self) -> u8 {
        self.id()
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        TransportConnect::from(*self).connect(addr)
    }
}

impl Listen for Transport {
    fn tag(&self) -> u8 {
        self.id()
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        TransportListen::from(*self).listen(addr)
    }
}
