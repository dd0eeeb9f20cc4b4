//! A socket for datagrams of whoever comes.

use std::io;
use std::sync::Arc;

use polywire_core::Message;
use polywire_core::adapter::{Accepting, Close, Io, Listener, ListenerSink, Local, Sender};
use polywire_core::address::RemoteAddr;
use socket2::Type;

use crate::address::UnixAddr;
use crate::datagram::config::UnixDatagramListenConfig;
use crate::datagram::receiving::{Outcome, receive_datagrams};
use crate::datagram::shared_socket::{Open, SharedSocket, closer};
use crate::names::remote_addr_of;
use crate::socket_file;

pub(super) fn listen(config: &UnixDatagramListenConfig, addr: &RemoteAddr) -> io::Result<Listener> {
    let (open, addr) = match &config.adopted {
        Some(adopted) => {
            let open = Open::adopted(adopted.take()?)?;
            let addr = remote_addr_of(&open.socket.local_addr()?);
            (open, addr)
        }
        None => {
            let name = UnixAddr::parse(addr)?;
            let open = || socket_file::open(Type::DGRAM);
            let (socket, file) =
                socket_file::bind(Type::DGRAM, &name, config.mode, open, |_| Ok(()))?;
            (Open::own(socket, file), addr.clone())
        }
    };
    Ok(Listener::new(DatagramListener(Arc::new(SharedSocket::unconnected(open))), addr))
}

struct DatagramListener(Arc<SharedSocket>);

impl Local for DatagramListener {
    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::<SharedSocket>::clone(&self.0))
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(closer(&self.0))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.0.register(&io.registration)
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        let Some(peers) = self.0.peers() else { return Accepting::Drained };
        let outcome = receive_datagrams(&self.0, io.buffer, &mut io.budget, |datagram, message| {
            let from = peers.addr_of(datagram.from.as_ref());
            sink.message(from, Message::binary(message), false)
        });
        match outcome {
            Outcome::Drained => Accepting::Drained,
            Outcome::Unfinished => Accepting::Unfinished,
            Outcome::Broken(error) => {
                tracing::warn!(%error, "a listener can't read; it tries again later");
                Accepting::Exhausted
            }
        }
    }

    fn flush(&mut self, io: &mut Io<'_>) {
        self.0.look_for_room(io);
    }

    fn expire(&mut self, _: &mut Io<'_>) {
        self.0.retry();
    }
}

/// Frees the name also where nobody called `close`.
impl Drop for DatagramListener {
    fn drop(&mut self) {
        self.0.end();
    }
}
