//! A socket for datagrams that is connected to one peer.

use std::io;
use std::sync::Arc;

use polywire_core::adapter::{Closing, Connection, Io, Opening, Received, Remote, Sender, Sink};
use polywire_core::address::RemoteAddr;
use polywire_core::{CloseReason, Limits, Message};
use socket2::{SockAddr, Socket, Type};

use crate::address::UnixAddr;
use crate::datagram::config::UnixDatagramConnectConfig;
use crate::datagram::receiving::{Outcome, receive_datagrams};
use crate::datagram::shared_socket::{Open, SharedSocket};
use crate::names::{because, remote_addr_of};
use crate::socket_file;

pub(super) fn connect(
    config: &UnixDatagramConnectConfig,
    addr: &RemoteAddr,
) -> io::Result<Connection> {
    let open = match &config.adopted {
        Some(adopted) => {
            let socket = adopted.take()?;
            socket.peer_addr()?; // Is an error if it is not connected.
            Open::adopted(socket)?
        }
        None => dial(config, &UnixAddr::parse(addr)?)?,
    };
    let local = remote_addr_of(&open.socket.local_addr()?);
    let socket = Arc::new(SharedSocket::connected(open));
    let remote = DatagramConnection { socket, limits: Arc::new(config.limits.clone()) };
    Ok(Connection::new(remote, addr.clone(), local))
}

/// The socket is tied to its peer before it has a name: a datagram that somebody else sent in between would pass for the
/// peer's.
fn dial(config: &UnixDatagramConnectConfig, addr: &UnixAddr) -> io::Result<Open> {
    let open = || open_connected(addr);
    let (socket, file) = match &config.source_address {
        Some(source) => {
            let source = UnixAddr::parse(&RemoteAddr::Str(source.clone()))?;
            socket_file::bind(Type::DGRAM, &source, None, open, |_| Ok(()))?
        }
        None => {
            let socket = open()?;
            if cfg!(any(target_os = "android", target_os = "linux")) {
                socket.bind(&SockAddr::unix("")?)?; // The system chooses a name: "autobind" of unix(7).
            }
            (socket, None)
        }
    };
    Ok(Open::own(socket, file))
}

fn open_connected(addr: &UnixAddr) -> io::Result<Socket> {
    let socket = socket_file::open(Type::DGRAM)?;
    match socket.connect(&addr.to_sock_addr()?) {
        Ok(()) => Ok(socket),
        Err(error) => Err(because(&format!("can't connect to {addr}"), &error)),
    }
}

struct DatagramConnection {
    socket: Arc<SharedSocket>,
    limits: Arc<Limits>,
}

impl Remote for DatagramConnection {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<SharedSocket>::clone(&self.socket)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.socket.register(&io.registration)
    }

    fn deregister(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.socket.deregister(&io.registration)
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        let deliver = |_: &_, message: &[u8]| sink.message(Message::binary(message), false);
        match receive_datagrams(&self.socket, io.buffer, &mut io.budget, deliver) {
            Outcome::Drained => Received::Drained,
            Outcome::Unfinished => Received::Unfinished,
            Outcome::Broken(error) => Received::Ended(CloseReason::from(&error)),
        }
    }

    fn flush(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        if let Some(failure) = self.socket.failure() {
            return Err(failure.clone());
        }
        self.socket.look_for_room(io);
        Ok(())
    }

    fn expire(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.socket.retry();
        Ok(())
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        Closing::Done
    }
}

impl Drop for DatagramConnection {
    /// Closes the socket even if a thread still holds its sender.
    fn drop(&mut self) {
        self.socket.end();
    }
}
