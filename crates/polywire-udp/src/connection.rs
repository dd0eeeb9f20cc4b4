//! A connected socket, as the loop drives it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use polywire_core::adapter::{Closing, Io, Opening, Received, Remote, Sender, Sink};
use polywire_core::{CloseReason, Limits, Message};

use crate::receiving::{ReceiveOutcome, ReceiveState, receive_datagrams};
use crate::shared_socket::SharedSocket;

/// One peer's socket. Ready from the start, and never ended by the peer.
#[derive(Debug)]
pub(crate) struct UdpConnection {
    socket: Arc<SharedSocket>,
    limits: Arc<Limits>,
    receive_state: ReceiveState,
}

impl UdpConnection {
    pub(crate) fn new(socket: impl Into<Arc<SharedSocket>>, limits: Limits) -> Self {
        let socket = socket.into();
        let receive_state = socket.new_receive_state();
        Self { socket, limits: Arc::new(limits), receive_state }
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
        let outcome = receive_datagrams(
            io.buffer,
            (io.budget, io.single_event),
            &mut self.receive_state,
            &**socket,
            |_, message, more| {
                taken += message.len().max(1);
                sink.message(Message::binary(message), more)
            },
        );
        io.budget = io.budget.saturating_sub(taken);
        socket.enable_gro(self.receive_state.is_in_batches());
        match outcome {
            ReceiveOutcome::Drained => Received::Drained,
            ReceiveOutcome::MayHaveMore => Received::MayHaveMore,
            ReceiveOutcome::Unfinished | ReceiveOutcome::Stopped => Received::Unfinished,
            ReceiveOutcome::Broken(error) => Received::Ended(CloseReason::from(&error)),
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
