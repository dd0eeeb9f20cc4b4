//! Records: what rustls is asked for, in the shape that its next version has.

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests;

use std::io::{self, IoSlice, Read, Write};

use rustls::client::ClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::ServerConnection;
use rustls::{Connection, HandshakeKind, ProtocolVersion};

use crate::cut::Cut;
use crate::error::TlsError;
use crate::fruitless::Fruitless;
use crate::info::TlsInfo;
use crate::translate::translate;
use crate::version::TlsVersion;

/// Plaintext that is sealed in one call at most: five whole records, so that 64 KiB go out at once with the header
/// before them.
pub(crate) const MAX_SEALED_BYTES: usize = 80 << 10;
/// Plaintext of a whole record.
const RECORD_BYTES: usize = 16 << 10;
/// What a record adds to its plaintext, at most.
const RECORD_OVERHEAD: usize = 32;
/// Slices that one call takes at most.
const MAX_SLICES: usize = 64;

/// Perhaps some plaintext: to take it tells.
const UNKNOWN: usize = usize::MAX;

/// The type of a record with what the program sends, and of every record of TLS 1.3 (RFC 8446 section 5.1).
const APPLICATION_DATA: u8 = 23;

/// Why nothing more is sealed. The keys of TLS 1.3 change in time; those of 1.2 are good for 2^24 records of AES-GCM.
const USED_UP: &str = "the keys of TLS 1.2 are used up: connect again, or use TLS 1.3";

/// What a peer is told off for.
const FRUITLESS: &str = "it sends nothing but records without anything in them";

/// The state of a connection, without any I/O.
pub(crate) struct Session {
    connection: Connection,
    /// Plaintext that is opened and was not taken.
    plain: usize,
    has_peer_closed: bool,
    failure: Option<TlsError>,
    /// Nothing more is sealed, and the peer has its `close_notify`: it may still speak, and what it said before is there
    /// to be read.
    is_used_up: bool,
    /// Bytes of tickets that wait for something else to leave with them: a client that has only sent and is gone
    /// would be answered by a reset, which takes with it what is still under way from it.
    held_back: usize,
    /// The record that the input was cut in.
    cut: Cut,
    /// Those before it.
    fruitless: Fruitless,
    /// Tickets that came so far.
    tickets: u32,
}

/// What came of opening.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// Bytes of plaintext.
    pub(crate) len: usize,
    /// There may be more to tell without more input: plaintext for which there was no room, or the end.
    pub(crate) holds_more: bool,
    /// That was all: the peer has said that nothing comes behind.
    pub(crate) is_over: bool,
}

/// What a session has for whoever writes.
pub(crate) trait Records {
    /// Whether there are records to be taken by [`take_records`](Self::take_records).
    fn wants_write(&self) -> bool;

    /// Seals from the front of `parts`, in as few records as possible, and puts the records behind `out`, with those
    /// that waited before them. Returns how much of `parts` that was.
    fn seal(&mut self, parts: &[IoSlice<'_>], out: &mut Vec<u8>) -> Result<usize, TlsError>;

    /// Puts all records that are to be written now behind `out`.
    fn take_records(&mut self, out: &mut Vec<u8>);

    /// Queues `close_notify`, once.
    fn close(&mut self);
}

impl Session {
    pub(crate) fn client(mut connection: ClientConnection) -> Self {
        connection.set_buffer_limit(None); // `seal` takes no more than it should.
        Self::new(connection.into(), Fruitless::client())
    }

    pub(crate) fn server(mut connection: ServerConnection) -> Self {
        connection.set_buffer_limit(None);
        Self::new(connection.into(), Fruitless::server())
    }

    fn new(connection: Connection, fruitless: Fruitless) -> Self {
        Self {
            connection,
            plain: 0,
            has_peer_closed: false,
            failure: None,
            is_used_up: false,
            held_back: 0,
            cut: Cut::default(),
            fruitless,
            tickets: 0,
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Goes on with the handshake by what the peer sent, and takes that from the front of `input`. What lies behind
    /// the handshake is left, but for what was taken along with its end: that is opened, and waits.
    pub(crate) fn shake_hands(&mut self, input: &mut &[u8]) -> Result<(), TlsError> {
        while self.is_handshaking() && !input.is_empty() {
            let fed = self.feed(input);
            if !self.is_handshaking() {
                break; // What is wrong behind the handshake is told behind what came before it.
            }
            fed?;
        }
        Ok(())
    }

    /// Whether [`open`](Self::open) has something to tell without more input.
    pub(crate) fn holds_something(&self) -> bool {
        self.plain > 0 || self.is_over()
    }

    /// Bytes taken of a record, or of a long message in several, that is not whole yet.
    pub(crate) fn half_read(&self) -> usize {
        if self.is_over() { 0 } else { self.cut.len + self.fruitless.half_read() }
    }

    /// Whether no more input is looked at.
    fn is_over(&self) -> bool {
        self.has_peer_closed || self.failure.is_some()
    }

    /// Opens records from the front of `input`, as far as `out` has room for what is in them. What was taken is
    /// removed from `input`. A failure is told once all that was good before it is.
    pub(crate) fn open(&mut self, input: &mut &[u8], out: &mut [u8]) -> Result<Opened, TlsError> {
        let mut len = self.take_plain(out);
        while self.plain == 0 && !self.is_over() && !input.is_empty() {
            let _ = self.feed(input); // Noted.
            len += self.take_plain(&mut out[len..]);
        }
        let has_told_all = len == 0 && self.plain == 0;
        if let Some(failure) = self.failure.as_ref().filter(|_| has_told_all) {
            return Err(failure.clone());
        }
        Ok(Opened {
            len,
            holds_more: self.holds_something(),
            is_over: has_told_all && self.has_peer_closed,
        })
    }

    fn take_plain(&mut self, out: &mut [u8]) -> usize {
        let mut len = 0;
        while self.plain > 0 && len < out.len() {
            match self.connection.reader().read(&mut out[len..]) {
                Ok(taken @ 1..) => {
                    len += taken;
                    self.plain = self.plain.saturating_sub(taken);
                }
                _ => self.plain = 0,
            }
        }
        len
    }

    /// Has rustls look at some of `input`.
    fn feed(&mut self, input: &mut &[u8]) -> Result<(), TlsError> {
        let (before, begun) = (*input, self.cut.len);
        let read = self.connection.read_tls(input);
        let passed = &before[..before.len() - input.len()];
        self.cut.pass(passed);
        let whole = begun + passed.len() - self.cut.len;
        match read {
            Ok(0) => return Err(self.fail(TlsError::BadRecord("it is too long".into()))),
            Ok(_) => {}
            Err(error) => return Err(self.fail(TlsError::BadRecord(error.to_string().into()))),
        }
        let was_handshaking = self.is_handshaking();
        match self.connection.process_new_packets() {
            Ok(state) => {
                self.hold_tickets_back(was_handshaking, state.tls_bytes_to_write());
                self.plain = state.plaintext_bytes_to_read();
                self.has_peer_closed = state.peer_has_closed();
                let has_new_ticket = self.has_new_ticket();
                if was_handshaking || self.plain > 0 {
                    self.fruitless.end();
                } else if has_new_ticket {
                    self.fruitless.pass_ticket(whole);
                } else if whole > 0 {
                    self.fruitless.pass(whole);
                }
                match self.fruitless.is_too_much() {
                    true => Err(self.refuse(TlsError::Misbehaved(FRUITLESS.into()))),
                    false => Ok(()),
                }
            }
            Err(error) => {
                self.plain = UNKNOWN; // What was good before.
                let is_first =
                    self.is_handshaking() && self.connection.protocol_version().is_none();
                Err(self.fail(translate(error, is_first)))
            }
        }
    }

    /// Whether a ticket has come since this was asked last.
    fn has_new_ticket(&mut self) -> bool {
        let Connection::Client(client) = &self.connection else { return false };
        let before = std::mem::replace(&mut self.tickets, client.tls13_tickets_received());
        before != self.tickets
    }

    /// There are so many bytes to be written. Once the handshake of TLS 1.3 is done a server's are tickets.
    fn hold_tickets_back(&mut self, was_handshaking: bool, to_write: usize) {
        let is_server = matches!(self.connection, Connection::Server(_));
        let is_new = self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        if is_server && is_new && was_handshaking && !self.is_handshaking() {
            self.held_back = to_write;
        } else if to_write > self.held_back {
            self.held_back = 0; // Something else as well.
        }
    }

    /// Why nothing more is sealed, if so.
    #[inline]
    fn seal_refusal(&self) -> Option<TlsError> {
        let used_up = || self.is_used_up.then(|| TlsError::Other(USED_UP.into()));
        self.failure.clone().or_else(used_up)
    }

    /// From now on nothing but the alert leaves.
    fn fail(&mut self, error: TlsError) -> TlsError {
        self.held_back = 0;
        self.failure = Some(error.clone());
        error
    }

    /// Refuses the peer for a reason that rustls does not know.
    pub(crate) fn refuse(&mut self, error: TlsError) -> TlsError {
        self.held_back = 0;
        self.connection.send_close_notify();
        self.fail(error)
    }
}

impl Records for Session {
    #[inline]
    fn wants_write(&self) -> bool {
        self.connection.wants_write() && self.held_back == 0
    }

    fn seal(&mut self, parts: &[IoSlice<'_>], out: &mut Vec<u8>) -> Result<usize, TlsError> {
        if let Some(refusal) = self.seal_refusal() {
            self.take_records(out);
            return Err(refusal);
        }
        self.held_back = 0;
        self.take_records(out); // What comes behind these is `parts`.
        let before = out.len();
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let sealed = if len <= MAX_SEALED_BYTES {
            self.connection.writer().write_vectored(parts)
        } else {
            let mut front = [IoSlice::new(&[]); MAX_SLICES];
            let used = cut(parts, &mut front);
            self.connection.writer().write_vectored(&front[..used])
        };
        // Exactly, so that the memory is kept for the next ones.
        let sealed_len = len.min(MAX_SEALED_BYTES);
        out.reserve_exact(sealed_len + (sealed_len / RECORD_BYTES + 1) * RECORD_OVERHEAD);
        self.take_records(out);
        match sealed {
            // While it shakes hands rustls keeps what it is given for later.
            Ok(sealed) if self.is_handshaking() || hold(&out[before..], sealed) => Ok(sealed),
            Ok(_) => {
                self.is_used_up = true;
                Err(TlsError::Other(USED_UP.into()))
            }
            Err(error) => Err(self.fail(TlsError::Other(error.to_string().into()))),
        }
    }

    fn take_records(&mut self, out: &mut Vec<u8>) {
        while self.wants_write() {
            // Memory takes everything.
            if !matches!(self.connection.write_tls(out), Ok(1..)) {
                return;
            }
        }
    }

    fn close(&mut self) {
        self.held_back = 0;
        self.connection.send_close_notify();
    }
}

impl Session {
    /// The peer's certificates, its own first.
    pub(crate) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection.peer_certificates().unwrap_or_default()
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// What is known, once the handshake is done.
    pub(crate) fn info(&self, verified_name: Option<String>) -> Option<TlsInfo> {
        if self.is_handshaking() {
            return None;
        }
        let suite = self.connection.negotiated_cipher_suite()?;
        let server_name = match &self.connection {
            Connection::Server(server) => server.server_name().map(Into::into),
            Connection::Client(_) => None,
        };
        Some(TlsInfo {
            version: TlsVersion::of(self.connection.protocol_version()?)?,
            cipher_suite: format!("{:?}", suite.suite()),
            key_exchange: self
                .connection
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name())),
            alpn: self.connection.alpn_protocol().map(Into::into),
            server_name,
            peer_certificates: self.peer_certificates().iter().map(|der| der.to_vec()).collect(),
            verified_name,
            resumed: self.is_resumed(),
        })
    }
}

/// Puts so much of `parts` into `front` as is sealed at once, and tells how many slices that is.
fn cut<'a>(parts: &'a [IoSlice<'_>], front: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
    let mut room = MAX_SEALED_BYTES;
    let mut used = 0;
    for (slice, part) in front.iter_mut().zip(parts) {
        if room == 0 {
            break;
        }
        let len = part.len().min(room);
        *slice = IoSlice::new(&part[..len]);
        room -= len;
        used += 1;
    }
    used
}

/// Whether `records` have so many bytes of plaintext in them. When its keys are used up rustls takes plaintext all the
/// same, and throws it away: then there is an alert in its place, or less than that.
fn hold(records: &[u8], sealed: usize) -> bool {
    sealed == 0 || (records.first() == Some(&APPLICATION_DATA) && records.len() > sealed)
}

/// What `error` says, unless it is that there is nothing to do now.
pub(crate) fn would_block(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}
