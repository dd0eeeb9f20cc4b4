//! A bound socket, as the loop drives it.

use std::io;
use std::iter;
use std::sync::Arc;

use mio::net::UdpSocket;
use polywire_core::Message;
use polywire_core::adapter::{Accepting, Close, Io, ListenerSink, Local, Sender};

use crate::receiving::{ReceiveOutcome, ReceiveState, receive_datagrams};
use crate::shared_socket::SharedSocket;

/// A socket that hears everybody, and those that hear broadcasts for it.
#[derive(Debug)]
pub(crate) struct UdpListener {
    socket: Arc<SharedSocket>,
    broadcast_sockets: Arc<BroadcastSockets>,
    /// In the order of [`sockets`](Self::sockets).
    receive_states: Vec<ReceiveState>,
}

#[derive(Debug)]
struct BroadcastSockets(Vec<SharedSocket>);

impl UdpListener {
    pub(crate) fn new(socket: SharedSocket, broadcast_sockets: Vec<UdpSocket>) -> Self {
        let broadcast_sockets =
            broadcast_sockets.into_iter().map(SharedSocket::unconnected).collect();
        let mut listener = Self {
            socket: Arc::new(socket),
            broadcast_sockets: Arc::new(BroadcastSockets(broadcast_sockets)),
            receive_states: Vec::new(),
        };
        listener.receive_states = listener.sockets().map(SharedSocket::new_receive_state).collect();
        listener
    }

    fn sockets(&self) -> impl Iterator<Item = &SharedSocket> {
        iter::once(&*self.socket).chain(&self.broadcast_sockets.0)
    }
}

impl Close for BroadcastSockets {
    fn close(&self) {
        self.0.iter().for_each(SharedSocket::close);
    }
}

impl Local for UdpListener {
    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::<SharedSocket>::clone(&self.socket))
    }

    /// The socket itself is closed by its sender.
    fn closer(&self) -> Option<Arc<dyn Close>> {
        if self.broadcast_sockets.0.is_empty() {
            return None;
        }
        Some(Arc::<BroadcastSockets>::clone(&self.broadcast_sockets))
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
        let share = io.budget / self.receive_states.len();
        let sockets = iter::once(&*self.socket).chain(&self.broadcast_sockets.0);
        let mut accepting = Accepting::Drained;
        for (socket, receive_state) in sockets.zip(&mut self.receive_states) {
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
    /// Closes the sockets even if a thread still holds what closes or sends.
    fn drop(&mut self) {
        self.sockets().for_each(SharedSocket::close);
    }
}
