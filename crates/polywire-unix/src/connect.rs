//! Opening connections.

use std::io::{self, ErrorKind};

use mio::net::UnixStream;
use polywire_core::adapter::Connection;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Engine, Layer, Protocol};
use socket2::Type;

use crate::address::UnixAddr;
use crate::connect_config::UnixConnectConfig;
use crate::names::because;
use crate::socket::UnixSocket;
use crate::socket_file;

/// As [`connect_stream`](crate::connect_stream), over a layer: `protocol` speaks over what `layer` makes of the
/// socket.
///
/// # Errors
///
/// As for `connect_stream`, and those of [`Layer::connect`].
pub fn connect_over<L: Layer<UnixSocket>, P: Protocol>(
    config: &UnixConnectConfig,
    addr: &RemoteAddr,
    layer: L,
    protocol: P,
) -> io::Result<Connection> {
    let stream = match &config.adopted {
        Some(adopted) => UnixSocket::from_std(adopted.take()?)?,
        None => UnixSocket::new(dial(&UnixAddr::parse(addr)?)?),
    };
    let local = stream.local_name()?;
    let stream = layer.connect(stream, addr)?;
    let engine = Engine::connecting(stream, protocol, config.limits.clone());
    Ok(Connection::new(engine, addr.clone(), local))
}

/// The system connects a Unix socket at once, or not at all.
fn dial(addr: &UnixAddr) -> io::Result<UnixStream> {
    let socket = socket_file::open(Type::STREAM)?;
    match socket.connect(&addr.to_sock_addr()?) {
        Ok(()) => Ok(UnixStream::from_std(socket.into())),
        Err(error) => Err(explain(addr, &error)),
    }
}

fn explain(addr: &UnixAddr, error: &io::Error) -> io::Error {
    let what = format!("can't connect to {addr}");
    match error.kind() {
        ErrorKind::WouldBlock => {
            let text = format!(
                "{what}: as many connections as its backlog has room for wait to be accepted. Try again later, \
                 or give the listener more"
            );
            io::Error::new(ErrorKind::WouldBlock, text)
        }
        _ => because(&what, error),
    }
}
