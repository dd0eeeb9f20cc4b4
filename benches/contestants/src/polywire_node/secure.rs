//! Endpoints over TLS.

use std::io;
use std::net::SocketAddr;

use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tls::{TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig};
use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
use polywire::network::{Endpoint, NetworkController, ResourceId};

use super::node_programs::ANY_PORT;
use crate::args::Args;
use crate::tls::{CERTIFICATE, KEY};

pub(super) fn listen(
    network: &NetworkController,
    args: &Args,
) -> io::Result<(ResourceId, SocketAddr)> {
    let identity = TlsIdentity::from_pem(CERTIFICATE, KEY).expect("a certificate");
    let tls = TlsListenConfig::new(identity);
    match args.transport() {
        "framed" => network.listen(FramedTcpListenConfig::default().with_tls(tls), ANY_PORT),
        _ => network.listen(WsListenConfig::default().with_tls(tls), ANY_PORT),
    }
}

pub(super) fn connect(
    network: &NetworkController,
    args: &Args,
) -> io::Result<(Endpoint, SocketAddr)> {
    let roots = TlsCertificates::from_pem(CERTIFICATE).expect("a certificate");
    let tls = TlsConnectConfig::new().with_roots(roots).with_server_name("localhost");
    match args.transport() {
        "framed" => network.connect(FramedTcpConnectConfig::default().with_tls(tls), args.peer()),
        _ => network.connect(WsConnectConfig::default().with_tls(tls), args.peer()),
    }
}
