//! The transports under test as adapters with settings.

use polywire::Limits;
use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
use polywire_core::adapter::{Connect, Listen};

use super::Transport;
#[cfg(feature = "__tls")]
use super::secure;

/// The transport, listening with these limits for its connections.
pub fn listening(transport: Transport, limits: Limits) -> Box<dyn Listen> {
    listening_with(transport, TcpListenConfig::default().with_limits(limits))
}

/// The transport, listening over such sockets.
pub fn listening_with(transport: Transport, tcp: TcpListenConfig) -> Box<dyn Listen> {
    let tcp = secured(transport, tcp);
    match transport.plain() {
        Transport::FramedTcp => Box::new(FramedTcpListenConfig::default().with_tcp(tcp)),
        Transport::Udp => Box::new(UdpListenConfig::default()),
        Transport::Ws => Box::new(WsListenConfig::default().with_tcp(tcp)),
        _ => Box::new(tcp),
    }
}

/// Such sockets, with TLS if the transport has it.
pub fn secured(transport: Transport, tcp: TcpListenConfig) -> TcpListenConfig {
    #[cfg(feature = "__tls")]
    if transport.is_secure() {
        return tcp.with_tls(secure::listen());
    }
    _ = transport;
    tcp
}

/// The transport, listening for messages of so many bytes at most.
pub fn for_messages(transport: Transport, max_message_size: usize) -> Box<dyn Listen> {
    let tcp = secured(transport, TcpListenConfig::default());
    match transport.plain() {
        Transport::Ws => {
            let config = WsListenConfig::default().with_max_message_size(max_message_size);
            Box::new(config.with_tcp(tcp))
        }
        _ => {
            let config = FramedTcpListenConfig::default().with_max_message_size(max_message_size);
            Box::new(config.with_tcp(tcp))
        }
    }
}

/// The transport, connecting with these limits.
pub fn connecting(transport: Transport, limits: Limits) -> Box<dyn Connect> {
    match transport {
        Transport::Udp => Box::new(UdpConnectConfig::default().with_limits(limits)),
        _ => connecting_with(transport, TcpConnectConfig::default().with_limits(limits)),
    }
}

/// The transport, connecting by such sockets.
pub fn connecting_with(transport: Transport, tcp: TcpConnectConfig) -> Box<dyn Connect> {
    #[cfg(feature = "__tls")]
    if transport.is_secure() {
        return connecting_with(transport.plain(), tcp.with_tls(secure::connect()));
    }
    match transport {
        Transport::FramedTcp => Box::new(FramedTcpConnectConfig::default().with_tcp(tcp)),
        Transport::Udp => Box::new(UdpConnectConfig::default()),
        Transport::Ws => Box::new(WsConnectConfig::default().with_tcp(tcp)),
        _ => Box::new(tcp),
    }
}
