//! From a socket to a connection that is ready: connecting, layers, the handshake.

use std::io;

use crate::adapter::{Connection, Flow, Io, Opening, Registration, Remote, Sink};
use crate::close_reason::CloseReason;
use crate::message::Message;
use crate::stream::engine::Engine;
use crate::stream::engine::stop::Stop;
use crate::stream::engine::transient::Phase;
use crate::stream::{Establishing, Protocol, Stream, misuse};

/// Whether a layer has refused what the peer said.
fn is_of_a_layer(error: &io::Error) -> bool {
    matches!(CloseReason::from(error), CloseReason::Layer(_) | CloseReason::HandshakeRefused(_))
}

impl<S: Stream, P: Protocol> Engine<S, P> {
    pub(super) fn try_open(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        if self.phase() == Phase::Accepted {
            self.transient_mut().phase = Phase::Layering;
        }
        if self.phase() == Phase::Redirecting && !self.take_dialed(io)? {
            return Ok(Opening::Handshaking);
        }
        if matches!(self.phase(), Phase::Connecting | Phase::Layering) {
            let so_far = self.establish(io)?;
            self.name_peer(io);
            match so_far {
                Establishing::Connecting => return Ok(Opening::Connecting),
                Establishing::Handshaking => return Ok(Opening::Handshaking),
                Establishing::Established => {}
            }
            let opening = self.start_protocol(io)?;
            if opening == Opening::Ready {
                return Ok(opening);
            }
        }
        self.shake_hands(io)
    }

    fn establish(&mut self, io: &Io<'_>) -> Result<Establishing, CloseReason> {
        let so_far = match self.phase() {
            Phase::Connecting => Establishing::Connecting,
            _ => Establishing::Handshaking,
        };
        loop {
            let error = match self.socket().and_then(|socket| socket.establish(so_far)) {
                Ok(Establishing::Connecting) => return Ok(Establishing::Connecting),
                Ok(further) => {
                    // The address has answered: no other one is tried.
                    self.transient_mut().fallback = None;
                    self.transient_mut().phase = Phase::Layering;
                    return Ok(further);
                }
                // One that a layer does not want has answered as well, though it may have done so at once.
                Err(error) if so_far == Establishing::Handshaking || is_of_a_layer(&error) => {
                    return Err(CloseReason::from(&error));
                }
                Err(error) => error,
            };
            self.next_socket(&io.registration, error)?;
        }
    }

    /// Puts the next socket in the place of the one that failed with `error`.
    pub(super) fn next_socket(
        &mut self,
        registration: &Registration<'_>,
        mut error: io::Error,
    ) -> Result<(), CloseReason> {
        while let Some(next) = self.transient.as_mut().and_then(|transient| transient.next_socket())
        {
            match next {
                Ok(mut socket) => {
                    socket.register(registration).map_err(|error| CloseReason::from(&error))?;
                    self.transient_mut().socket = Some(socket);
                    return Ok(());
                }
                Err(next_error) => error = next_error,
            }
        }
        Err(CloseReason::of_opening(&error))
    }

    fn start_protocol(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        let ready = self.speak(io, |protocol, cx| protocol.open(cx));
        self.transient_mut().phase = Phase::Handshaking;
        self.flush_ahead()?;
        let controls = std::mem::take(&mut self.transient_mut().controls);
        let opening = if ready { self.become_ready(io) } else { Opening::Handshaking };
        for value in controls {
            self.progress(io, |protocol, cx| protocol.control(value, cx))?;
        }
        Ok(opening)
    }

    fn shake_hands(&mut self, io: &mut Io<'_>) -> Result<Opening, CloseReason> {
        self.flush_ahead()?;
        if self.transient.as_ref().is_some_and(|transient| transient.is_ready) {
            return Ok(self.become_ready(io));
        }
        let mut nobody = Nobody { got_message: false };
        let stop = self.read(io, &mut nobody)?;
        if nobody.got_message {
            return Err(misuse::<P>("no message comes from `Protocol::decode` before it is ready"));
        }
        if !matches!(stop, Stop::Ready) && self.socket().is_ok_and(S::wants_write) {
            self.flush_ahead()?; // There may be room already, of which no readiness tells again.
        }
        match stop {
            Stop::Ready => Ok(self.become_ready(io)),
            Stop::Sink => {
                // The budget is used up; no readiness tells of what is left.
                self.outbox.tell_reader();
                Ok(Opening::Handshaking)
            }
            Stop::Needs(_) => Ok(Opening::Handshaking),
        }
    }

    fn become_ready(&mut self, io: &mut Io<'_>) -> Opening {
        self.transient_mut().phase = Phase::Open;
        self.transient_mut().redirects = None;
        self.name_peer(io);
        if !io.registration.is_provisional {
            self.open_outbox();
        }
        Opening::Ready
    }

    /// Tells the loop who the peer is, once a layer knows.
    fn name_peer(&self, io: &mut Io<'_>) {
        if let Some(peer) = S::NAMES_PEER.then(|| self.peer_addr()).flatten() {
            io.rename(peer);
        }
    }

    /// Writes what goes before all messages.
    pub(super) fn flush_ahead(&self) -> Result<(), CloseReason> {
        let socket = self.socket().map_err(|error| CloseReason::from(&error))?;
        self.outbox.flush_to(socket)
    }

    /// Gives the socket to the outbox: from now on other threads write as well.
    pub(super) fn open_outbox(&mut self) {
        if let Some(socket) = self.transient_mut().socket.take() {
            // A failed write shows when the stream is read, behind what the peer still sent.
            let _ = self.outbox.open(socket);
        }
        self.shrink();
    }
}

/// Takes no messages: during the handshake there are none.
struct Nobody {
    got_message: bool,
}

impl Sink for Nobody {
    fn message(&mut self, _message: Message<'_>, _more: bool) -> Flow {
        self.got_message = true;
        Flow::Stop
    }

    fn accept(&mut self, _: Connection) -> Flow {
        Flow::Stop
    }
}
