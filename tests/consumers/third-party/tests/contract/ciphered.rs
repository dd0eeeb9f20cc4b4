//! Messages over a cipher over TCP: a layer that shakes hands, holds bytes of its own, and ends with a last
//! record, under protocols that know nothing of it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::{CloseReason, Limits};
use polywire_framed_tcp::Framed;
use polywire_tcp::{TcpConnectConfig, TcpListenConfig, connect_over, listen_over};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

use crate::cipher::Cipher;
use crate::kit::Adapter;

const CIPHER: Cipher = Cipher { key: 0x5a };

/// A system that chooses for itself takes more while a peer does not read: a connection that was full has
/// room again.
const SOCKET_BUFFER: usize = 16 << 10;

/// What speaks over the cipher.
#[derive(Clone, Copy)]
enum Over {
    Framed,
    Ws,
}

/// The transport. Its listeners have names, each of which stands for a port that was free.
#[derive(Clone)]
pub struct Ciphered {
    over: Over,
    ports: Arc<Mutex<HashMap<String, SocketAddr>>>,
    limits: Limits,
}

impl Ciphered {
    pub fn framed() -> Self {
        Self::new(Over::Framed)
    }

    pub fn ws() -> Self {
        Self::new(Over::Ws)
    }

    fn new(over: Over) -> Self {
        Self { over, ports: Arc::default(), limits: Limits::default() }
    }
}

impl Adapter for Ciphered {
    fn limited(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }
}

impl Connect for Ciphered {
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
        match self.over {
            Over::Framed => connect_over(&config, &addr, CIPHER, Framed::default()),
            Over::Ws => {
                let client =
                    WsProtocol::client(&WsUrl::parse(&addr)?, &WsConnectConfig::default())?;
                connect_over(&config, &addr, CIPHER, client)
            }
        }
    }
}

impl Listen for Ciphered {
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

impl Ciphered {
    fn listen_on(&self, port: SocketAddr) -> io::Result<Listener> {
        let config = TcpListenConfig::default()
            .with_limits(self.limits.clone())
            .with_send_buffer_size(SOCKET_BUFFER)
            .with_receive_buffer_size(SOCKET_BUFFER);
        let addr = RemoteAddr::Socket(port);
        match self.over {
            Over::Framed => listen_over(&config, &addr, CIPHER, |_| Framed::default()),
            Over::Ws => listen_over(&config, &addr, CIPHER, |_| {
                WsProtocol::server(&WsListenConfig::default()).expect("the defaults are valid")
            }),
        }
    }
}

/// Asks the system, which knows it at once when somebody closes a listener.
fn is_listened_on(port: SocketAddr) -> bool {
    TcpListener::bind(port).is_err()
}
