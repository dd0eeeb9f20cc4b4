//! The settings of each transport, set as existing programs set them.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

use message_io::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use message_io::adapters::tcp::{TcpConnectConfig, TcpKeepalive, TcpListenConfig};
use message_io::adapters::udp::{self, UdpConnectConfig, UdpListenConfig};
use message_io::adapters::ws;
use message_io::network::{self, NetEvent, TransportConnect, TransportListen};

fn is_config<T: Clone + Debug + Default>() {}
fn is_comparable<T: Eq + Hash>() {}

pub fn run() {
    is_config::<TcpConnectConfig>();
    is_config::<TcpListenConfig>();
    is_config::<FramedTcpConnectConfig>();
    is_config::<FramedTcpListenConfig>();
    is_config::<UdpConnectConfig>();
    is_config::<UdpListenConfig>();
    is_comparable::<UdpConnectConfig>();
    is_comparable::<UdpListenConfig>();
    constants();
    device_is_a_string();
    every_config_connects();
}

fn constants() {
    const LARGEST: usize = udp::MAX_LOCAL_PAYLOAD_LEN;
    const SAFE: usize = udp::MAX_INTERNET_PAYLOAD_LEN;
    const MESSAGE: usize = ws::MAX_PAYLOAD_LEN;
    let sizes = [SAFE, LARGEST, MESSAGE];
    assert!(sizes.is_sorted(), "{sizes:?}");
}

/// Binding to a device takes a privilege, so it is only set, not used.
fn device_is_a_string() {
    let _ = TcpConnectConfig::default().with_bind_device("lo".to_string());
    let _ = TcpListenConfig::default().with_bind_device("lo".to_string());
}

fn every_config_connects() {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    let from_here: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let pairs = [
        (
            TransportListen::Tcp(TcpListenConfig::default().with_keepalive(keepalive.clone())),
            TransportConnect::Tcp(
                TcpConnectConfig::default()
                    .with_keepalive(keepalive.clone())
                    .with_source_address(from_here),
            ),
        ),
        (
            TransportListen::FramedTcp(
                FramedTcpListenConfig::default().with_keepalive(keepalive.clone()),
            ),
            TransportConnect::FramedTcp(
                FramedTcpConnectConfig::default().with_keepalive(keepalive.clone()),
            ),
        ),
        (
            TransportListen::Udp(
                UdpListenConfig::default().with_send_broadcasts().with_reuse_address(),
            ),
            TransportConnect::Udp(
                UdpConnectConfig::default()
                    .with_source_address(from_here)
                    .with_broadcast()
                    .with_reuse_address()
                    .with_reuse_port(),
            ),
        ),
        (
            TransportListen::Udp(
                UdpListenConfig::default().with_receive_broadcasts().with_reuse_port(),
            ),
            TransportConnect::Udp(UdpConnectConfig::default()),
        ),
        (TransportListen::Ws, TransportConnect::Ws),
    ];
    for (listen, connect) in pairs {
        connects(listen, connect);
    }
}

fn connects(listen: TransportListen, connect: TransportConnect) {
    let name = format!("{listen:?}");
    let (controller, mut processor) = network::split();
    let (_, addr) = controller.listen_with(listen, "127.0.0.1:0").unwrap();
    let (server, local) = controller.connect_with(connect, addr).unwrap();
    assert!(local.ip().is_loopback() && server.addr() == addr, "{name}");
    let mut result = None;
    while result.is_none() {
        processor.process_poll_event(Some(Duration::from_secs(10)), |event| match event {
            NetEvent::Connected(endpoint, ok) => result = Some(ok && endpoint == server),
            NetEvent::Accepted(..) => {}
            other => panic!("{name}: {other:?}"),
        });
    }
    assert_eq!(result, Some(true), "{name}");
}
