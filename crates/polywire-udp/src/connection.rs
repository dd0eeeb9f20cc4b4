//! A connected socket, as the loop drives it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::UdpSocket;
use polywire_core::adapter::{Closing, Io, Opening, Received, Remote, Sender, Sink};
use polywire_core::{CloseReason, Limits, Message};

use crate::receiving::{Reception, Round, receive_datagrams};
use crate::shared_socket::SharedSocket;

/// One peer's socket. Ready from the start, and never ended by the peer.
#[derive(Debug)]
pub(crate) struct UdpConnection {
    socket: Arc<SharedSocket>,
    limits: Arc<Limits>,
    reception: Reception,
}

impl UdpConnection {
    pub(crate) fn new(socket: UdpSocket, peer: SocketAddr, limits: Limits) -> Self {
        let socket = Arc::new(SharedSocket::connected(socket, peer));
        Self { socket, limits: Arc::new(limits), reception: Reception::default() }
    }
}

impl Remote for UdpConnection {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<SharedSocket>::clone(&self.socket)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr()
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
        let socket = &self.socket;
        let mut taken = 0;
        let round = receive_datagrams(
            io.buffer,
            (io.budget, io.is_one_enough),
            &mut self.reception,
            &**socket,
            |_, message, more| {
                taken += message.len().max(1);
                sink.message(Message::binary(message), more)
            },
        );
        io.budget = io.budget.saturating_sub(taken);
        socket.join(self.reception.is_in_batches());
        match round {
            Round::Drained => Received::Drained,
            Round::MaybeMore => Received::MaybeMore,
            Round::Unfinished | Round::Stopped => Received::Unfinished,
            Round::Broken(error) => Received::Ended(CloseReason::from(&error)),
        }
    }

    fn flush(&mut self, io: &mut Io<'_>) -> Result<(), CloseReason> {
        self.socket.flush_registered(&io.registration);
        self.socket.failure().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        Closing::Done
    }
}

impl Drop for UdpConnection {
    /// Closes the socket even if a thread still holds its sender.
    fn drop(&mut self) {
        self.socket.close();
    }
}
