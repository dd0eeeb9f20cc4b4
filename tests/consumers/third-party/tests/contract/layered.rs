//! Messages over a cipher over TCP, a toy and TLS: layers that shake hands, hold bytes of their own, and end with a
//! last record, under protocols that know nothing of them.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Layer;
use polywire_core::{CloseReason, Limits};
use polywire_framed_tcp::Framed;
use polywire_tcp::{TcpConnectConfig, TcpListenConfig, TcpSocket, connect_over, listen_over};
use polywire_tls::{TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

use crate::cipher::Cipher;
use crate::kit::Adapter;

const CIPHER: Cipher = Cipher { key: 0x5a };

/// A system that chooses for itself takes more while a peer does not read: a connection that was full has
/// room again.
const SOCKET_BUFFER: usize = 16 << 10;

/// What speaks over the layer.
#[derive(Clone, Copy)]
pub enum Over {
    Framed,
    Ws,
}

/// The transport, by the layer of each side. Its listeners have names, each of which stands for a port that was free.
#[derive(Clone)]
pub struct Layered<C, L> {
    over: Over,
    layers: (C, L),
    ports: Arc<Mutex<HashMap<String, SocketAddr>>>,
    limits: Limits,
}

/// Over the toy.
pub fn ciphered(over: Over) -> impl Adapter {
    layered(over, (CIPHER, CIPHER))
}

/// Over TLS, with a certificate made on the spot, which the other side trusts.
pub fn secured(over: Over) -> impl Adapter {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let identity = TlsIdentity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let roots = TlsCertificates::from_pem(made.cert.pem()).unwrap();
    let connect = TlsConnectConfig::default().with_roots(roots);
    layered(over, (connect, TlsListenConfig::new(identity.unwrap())))
}

fn layered<C, L>(over: Over, layers: (C, L)) -> Layered<C, L> {
    Layered { over, layers, ports: Arc::default(), limits: Limits::default() }
}

/// A layer for one side.
pub trait Side: Layer<TcpSocket> + Clone {}

impl<L: Layer<TcpSocket> + Clone> Side for L {}

impl<C: Side, L: Side> Adapter for Layered<C, L> {
    fn limited(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }
}

impl<C: Side, L: Side> Connect for Layered<C, L> {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let port = ports.get(addr.string()).filter(|port| is_listened_on(**port));
        let port = *port.ok_or(CloseReason::Refused)?;
        drop(ports);
        let config = TcpConnectConfig::default()
            .with_limits(self.limits.clone())
            .with_send_buffer_size(SOCKET_BUFFER)
            .with_receive_buffer_size(SOCKET_BUFFER);
        let addr = RemoteAddr::Socket(port);
        let layer = self.layers.0.clone();
        match self.over {
            Over::Framed => connect_over(&config, &addr, layer, Framed::default()),
            Over::Ws => {
                let client =
                    WsProtocol::client(&WsUrl::parse(&addr)?, &WsConnectConfig::default())?;
                connect_over(&config, &addr, layer, client)
            }
        }
    }
}

impl<C: Side, L: Side> Listen for Layered<C, L> {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if ports.get(addr.string()).is_some_and(|port| is_listened_on(*port)) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        loop {
            // The node alone is told which port it was where the system chooses.
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            match self.listen_on(port) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {} // Somebody was faster.
                listener => {
                    ports.insert(addr.string().into(), port);
                    return listener;
                }
            }
        }
    }
}

impl<C: Side, L: Side> Layered<C, L> {
    fn listen_on(&self, port: SocketAddr) -> io::Result<Listener> {
        let config = TcpListenConfig::default()
            .with_limits(self.limits.clone())
            .with_send_buffer_size(SOCKET_BUFFER)
            .with_receive_buffer_size(SOCKET_BUFFER);
        let addr = RemoteAddr::Socket(port);
        let layer = self.layers.1.clone();
        match self.over {
            Over::Framed => listen_over(&config, &addr, layer, |_| Framed::default()),
            Over::Ws => listen_over(&config, &addr, layer, |_| {
                WsProtocol::server(&WsListenConfig::default()).expect("the defaults are valid")
            }),
        }
    }
}

/// Asks the system, which knows it at once when somebody closes a listener.
fn is_listened_on(port: SocketAddr) -> bool {
    TcpListener::bind(port).is_err()
}
