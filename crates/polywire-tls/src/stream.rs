//! The stream that a layer makes.

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests;

use std::any::TypeId;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;

use polywire_core::CloseReason;
use polywire_core::adapter::{Info, Registration};
use polywire_core::stream::{Establishing, Stream};
use rustls::pki_types::UnixTime;

use crate::error::TlsError;
use crate::incoming::{Found, Incoming};
use crate::info::TlsInfo;
use crate::server::Server;
use crate::session::{Opened, Session, would_block};
use crate::shared_session::SharedSession;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, lock};
use crate::translate::translate;

/// TLS over a stream, as the [`Stream`] of an engine: what [`TlsConnectConfig`](crate::TlsConnectConfig) and
/// [`TlsListenConfig`](crate::TlsListenConfig) make as [`Layer`](polywire_core::stream::Layer)s.
///
/// `write_vectored` seals what it is given in as few records as possible, and takes nothing more while the stream
/// underneath has not taken those. `info` knows [`TlsInfo`], and asks the stream underneath for other types.
pub struct TlsStream<S> {
    stream: S,
    /// The loop's: what was read. Locked before the others.
    incoming: Mutex<Incoming>,
    session: SharedSession<Session>,
    /// What `drained_by` answers for the last read.
    is_drained: AtomicBool,
    /// What `half_read` answers.
    half_read: AtomicUsize,
    role: Role,
}

/// Which side this is, and what it still needs to know.
pub(crate) enum Role {
    /// The name that the server's certificate is checked for.
    Client { verified_name: Option<Box<str>>, needs_close_notify: bool },
    /// What it was accepted with.
    Server(Arc<Server>),
}

impl<S: Stream> TlsStream<S> {
    pub(crate) fn new(stream: S, session: Session, role: Role) -> Self {
        Self {
            stream,
            incoming: Mutex::default(),
            session: SharedSession::new(session),
            is_drained: AtomicBool::new(false),
            half_read: AtomicUsize::new(0),
            role,
        }
    }

    /// Works on the session for the read side, which may give it something to write.
    fn with_session<R>(&self, work: impl FnOnce(&mut Session) -> R) -> R {
        self.session.work(|session| {
            let result = work(session);
            self.half_read.store(session.half_read(), Ordering::Relaxed);
            result
        })
    }

    /// TLS has ended for this reason. The alert leaves at once, unless another thread is writing, who then comes
    /// to it.
    #[cold]
    fn fail(&self, incoming: &mut Incoming, error: TlsError) -> io::Error {
        *incoming = Incoming::end();
        let _ = self.session.try_flush(&self.stream);
        error.into()
    }

    /// One step of the handshake: reads once.
    fn shake_hands(&self, incoming: &mut Incoming) -> io::Result<()> {
        let shake = |input: &mut &[u8]| {
            self.with_session(|session| {
                session.shake_hands(input).map(|()| session.holds_something())
            })
        };
        match incoming.read(&self.stream, 0, shake)? {
            Found::Some(Ok(holds), _) => {
                incoming.session_holds = holds;
                Ok(())
            }
            Found::Some(Err(error), _) => Err(self.fail(incoming, error)),
            Found::End => Err(self.fail(incoming, TlsError::ClosedDuringHandshake)),
        }
    }

    /// The handshake is done. rustls takes the certificate of a client that resumes a session for good: it
    /// was, when the session began.
    fn check_resumed(&self, incoming: &mut Incoming) -> io::Result<()> {
        let Role::Server(server) = &self.role else { return Ok(()) };
        let Some(verifier) = &server.verifier else { return Ok(()) };
        let checked = self.session.work(|session| {
            let [own, others @ ..] = session.peer_certificates() else { return Ok(()) };
            if !session.is_resumed() {
                return Ok(());
            }
            let verified = verifier.verify_client_cert(own, others, UnixTime::now());
            verified.map(drop).map_err(|error| session.refuse(translate(error, false)))
        });
        checked.map_err(|error| self.fail(incoming, error))
    }

    /// What was opened, if that ends the read.
    fn finish_read(
        &self,
        incoming: &mut Incoming,
        opened: Result<Opened, TlsError>,
        is_drained: bool,
    ) -> io::Result<Option<usize>> {
        let opened = opened.map_err(|error| self.fail(incoming, error))?;
        if opened.is_over {
            *incoming = Incoming::end();
            return Ok(Some(0));
        }
        incoming.session_holds = opened.holds_more;
        self.is_drained.store(is_drained && !incoming.waits(), Ordering::Relaxed);
        Ok(Some(opened.len).filter(|len| *len > 0))
    }

    fn needs_close_notify(&self) -> bool {
        match &self.role {
            Role::Client { needs_close_notify, .. } => *needs_close_notify,
            Role::Server(server) => server.needs_close_notify,
        }
    }
}

// A method that is added to `Stream` is not to be forgotten here.
#[deny(clippy::missing_trait_methods)]
impl<S: Stream> Stream for TlsStream<S> {
    const NAMES_PEER: bool = S::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.deregister(registration)
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        match self.stream.establish(so_far)? {
            Establishing::Established => {}
            underway => return Ok(underway),
        }
        let mut incoming = lock(&self.incoming);
        loop {
            let written = would_block(self.session.flush(&self.stream));
            if !self.session.look(Session::is_handshaking) {
                written?;
                self.check_resumed(&mut incoming)?;
                return Ok(Establishing::Established);
            }
            match self.shake_hands(&mut incoming) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Why nothing more is taken may have been said before.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return written.map(|()| Establishing::Handshaking);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn timed_out(&self) -> Option<CloseReason> {
        self.stream.timed_out()
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut incoming = lock(&self.incoming);
        if incoming.is_over {
            return self.stream.read(buffer); // To be thrown away.
        }
        if incoming.waits() {
            let open = |input: &mut &[u8]| self.with_session(|it| it.open(input, buffer));
            let opened = incoming.open(open);
            if let Some(len) = self.finish_read(&mut incoming, opened, false)? {
                return Ok(len);
            }
        }
        // However much of it brings nothing: of what is left unread here, no event tells the loop. The session bounds it.
        loop {
            let room = buffer.len();
            let open = |input: &mut &[u8]| self.with_session(|it| it.open(input, buffer));
            match incoming.read(&self.stream, room, open)? {
                Found::Some(opened, is_drained) => {
                    if let Some(len) = self.finish_read(&mut incoming, opened, is_drained)? {
                        return Ok(len);
                    }
                }
                Found::End if self.needs_close_notify() => {
                    return Err(self.fail(&mut incoming, TlsError::Truncated));
                }
                Found::End => return Ok(0),
            }
        }
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.session.write(&self.stream, buffers)
    }

    fn flush(&self) -> io::Result<()> {
        self.session.flush(&self.stream)
    }

    #[inline(always)]
    fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    #[inline(always)]
    fn drained_by(&self, _: usize, _: usize) -> bool {
        self.is_drained.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn half_read(&self) -> usize {
        self.half_read.load(Ordering::Relaxed) + self.stream.half_read()
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        if type_id != TypeId::of::<TlsInfo>() {
            return self.stream.info(type_id);
        }
        let verified_name = match &self.role {
            Role::Client { verified_name, .. } => verified_name.as_deref().map(Into::into),
            Role::Server(_) => None,
        };
        let info = self.session.look(|session| session.info(verified_name))?;
        Some(Arc::new(info))
    }

    fn facts(&self) -> Vec<Info> {
        let own = self.info(TypeId::of::<TlsInfo>());
        self.stream.facts().into_iter().chain(own).collect()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Whatever the peer still says is of no use from here on, and rustls is not shown it: it would not expect to
    /// have something to object to behind its last word.
    fn shutdown_write(&self) -> io::Result<()> {
        *lock(&self.incoming) = Incoming::end();
        self.session.close(&self.stream)?;
        self.stream.shutdown_write()
    }
}

impl<S: fmt::Debug> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}
