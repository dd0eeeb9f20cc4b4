//! A bound socket, as the loop drives it.

use std::io;
use std::iter;
use std::sync::Arc;

use mio::net::UdpSocket;
use polywire_core::Message;
use polywire_core::adapter::{Accepting, Io, ListenerSink, Local, Sender};

use crate::receiving::{ReceiveOutcome, ReceiveState, receive_datagrams};
use crate::shared_socket::SharedSocket;

/// A socket that hears everybody, and those that hear broadcasts for it.
#[derive(Debug)]
pub(crate) struct UdpListener {
    socket: Arc<SharedSocket>,
    receive_state: ReceiveState,
    broadcast_sockets: Vec<(SharedSocket, ReceiveState)>,
}

impl UdpListener {
    pub(crate) fn new(socket: UdpSocket, broadcast_sockets: Vec<UdpSocket>) -> Self {
        let (socket, receive_state) = prepare(socket);
        let broadcast_sockets = broadcast_sockets.into_iter().map(prepare).collect();
        Self { socket: Arc::new(socket), receive_state, broadcast_sockets }
    }

    fn sockets(&self) -> impl Iterator<Item = &SharedSocket> {
        iter::once(&*self.socket).chain(self.broadcast_sockets.iter().map(|(socket, _)| socket))
    }
}

fn prepare(socket: UdpSocket) -> (SharedSocket, ReceiveState) {
    let socket = SharedSocket::unconnected(socket);
    let receive_state = socket.new_receive_state();
    (socket, receive_state)
}

impl Local for UdpListener {
    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::<SharedSocket>::clone(&self.socket))
    }

    /// Registers all sockets or none, so that it can be tried again.
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let registration = &io.registration;
        let result = self.sockets().try_for_each(|socket| socket.register(registration));
        if result.is_err() {
            for socket in self.sockets() {
                // One that was not registered says so, which is what is wanted.
                let _ = socket.deregister(registration);
            }
        }
        result
    }

    /// Reads all sockets, whichever became ready, each within its share of the budget: a flood on
    /// one does not starve the others.
    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        let share = io.budget / (1 + self.broadcast_sockets.len());
        let others = self
            .broadcast_sockets
            .iter_mut()
            .map(|(socket, receive_state)| (&*socket, receive_state));
        let mut accepting = Accepting::Drained;
        for (socket, receive_state) in
            iter::once((&*self.socket, &mut self.receive_state)).chain(others)
        {
            let outcome = receive_datagrams(
                io.buffer,
                (share, io.single_event),
                receive_state,
                socket,
                |from, message, more| sink.message(from, Message::binary(message), more),
            );
            socket.enable_gro(receive_state.is_in_batches());
            match outcome {
                ReceiveOutcome::MayHaveMore if accepting == Accepting::Drained => {
                    accepting = Accepting::MayHaveMore;
                }
                ReceiveOutcome::Drained | ReceiveOutcome::MayHaveMore => {}
                ReceiveOutcome::Unfinished => accepting = Accepting::Unfinished,
                ReceiveOutcome::Stopped => return Accepting::Unfinished,
                ReceiveOutcome::Broken(error) => {
                    tracing::warn!(%error, "a UDP listener can't read; it tries again later");
                    return Accepting::Exhausted;
                }
            }
        }
        accepting
    }

    fn flush(&mut self, io: &mut Io<'_>) {
        self.socket.flush_registered(&io.registration);
    }
}

impl Drop for UdpListener {
    /// Closes the socket even if a thread still holds its sender.
    fn drop(&mut self) {
        self.socket.close();
    }
}
