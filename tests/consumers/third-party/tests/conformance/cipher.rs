//! A layer: a toy cipher over any stream. Its records are numbered and sealed in the order of the wire, each
//! is confirmed by the peer's layer, and the last one says that no more will come.

#![allow(unreachable_pub)] // Other tests have it as well.

use std::any::TypeId;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polywire_core::CloseReason;
use polywire_core::adapter::{Accepted, Info, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, Stream};

/// What each side says first.
const HELLO: [u8; 8] = *b"cipher01";
/// A record's length, its number, and what it is.
const HEADER: usize = 7;
const MAX_RECORD: usize = 16 << 10;

const DATA: u8 = 0;
const CONFIRMED: u8 = 1;
const LAST: u8 = 2;

/// The cipher, whose key both sides know.
#[derive(Clone, Copy, Debug)]
pub struct Cipher {
    pub key: u8,
}

/// What is known of a connection: records of data that the peer has confirmed.
#[derive(Debug, PartialEq, Eq)]
pub struct Confirmed(pub u32);

impl<S: Stream> Layer<S> for Cipher {
    type Stream = Sealed<S>;

    fn connect(&self, stream: S, _: &RemoteAddr) -> io::Result<Sealed<S>> {
        Ok(Sealed::new(stream, self.key))
    }

    fn accept(&self, stream: S, _: &Accepted) -> io::Result<Sealed<S>> {
        Ok(Sealed::new(stream, self.key))
    }
}

/// A stream of sealed records over another one.
pub struct Sealed<S> {
    stream: S,
    key: u8,
    incoming: Mutex<Incoming>,
    outgoing: Mutex<Outgoing>,
    /// Records to be confirmed. Not with what is outgoing, whose lock is held while that is written.
    unconfirmed: AtomicU32,
    confirmed: AtomicU32,
    wants_write: AtomicBool,
}

#[derive(Default)]
struct Incoming {
    sealed: Vec<u8>,
    plain: VecDeque<u8>,
    number: u32,
    is_greeted: bool,
    is_over: bool,
}

struct Outgoing {
    sealed: VecDeque<u8>,
    number: u32,
    is_last_sealed: bool,
}

impl<S: Stream> Sealed<S> {
    fn new(stream: S, key: u8) -> Self {
        let sealed = HELLO.into();
        Self {
            stream,
            key,
            incoming: Mutex::default(),
            outgoing: Mutex::new(Outgoing { sealed, number: 0, is_last_sealed: false }),
            unconfirmed: AtomicU32::new(0),
            confirmed: AtomicU32::new(0),
            wants_write: AtomicBool::new(true),
        }
    }

    fn seal(&self, outgoing: &mut Outgoing, kind: u8, plain: &[u8]) {
        let number = outgoing.number;
        outgoing.number += 1;
        outgoing.sealed.extend((plain.len() as u16).to_be_bytes());
        outgoing.sealed.extend(number.to_be_bytes());
        outgoing.sealed.push_back(kind);
        outgoing.sealed.extend(plain.iter().map(|byte| byte ^ self.key ^ number as u8));
    }

    /// Writes what is sealed. `WouldBlock` while something is left.
    fn write_sealed(&self, outgoing: &mut Outgoing) -> io::Result<()> {
        let unconfirmed = self.unconfirmed.swap(0, Ordering::AcqRel);
        if unconfirmed > 0 && !outgoing.is_last_sealed {
            // Nothing goes behind the last record, which may wait for room.
            self.seal(outgoing, CONFIRMED, &unconfirmed.to_be_bytes());
        }
        while !outgoing.sealed.is_empty() {
            let (front, back) = outgoing.sealed.as_slices();
            match self.stream.write_vectored(&[IoSlice::new(front), IoSlice::new(back)]) {
                Ok(len) => drop(outgoing.sealed.drain(..len)),
                Err(error) => {
                    self.wants_write.store(true, Ordering::Release);
                    return Err(error);
                }
            }
        }
        // What the other thread reads from now on is seen by its own call.
        self.wants_write.store(self.unconfirmed.load(Ordering::Acquire) > 0, Ordering::Release);
        Ok(())
    }

    /// Reads more of the stream underneath.
    fn read_sealed(&self, incoming: &mut Incoming) -> io::Result<()> {
        let mut buffer = [0; MAX_RECORD];
        match self.stream.read(&mut buffer)? {
            0 => Err(CloseReason::AbnormalClosure.into()), // Without the last record.
            len => {
                incoming.sealed.extend_from_slice(&buffer[..len]);
                Ok(())
            }
        }
    }

    /// Opens the records that are whole.
    fn open_records(&self, incoming: &mut Incoming) -> io::Result<()> {
        let mut at = 0;
        while let Some(header) = incoming.sealed.get(at..at + HEADER) {
            let len = usize::from(u16::from_be_bytes([header[0], header[1]]));
            let number = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
            let kind = header[6];
            let Some(bytes) = incoming.sealed.get(at + HEADER..at + HEADER + len) else { break };
            if number != incoming.number || incoming.is_over {
                return Err(CloseReason::ProtocolViolation("a record out of turn".into()).into());
            }
            let plain = bytes.iter().map(|byte| byte ^ self.key ^ number as u8);
            match kind {
                DATA => {
                    incoming.plain.extend(plain);
                    self.unconfirmed.fetch_add(1, Ordering::AcqRel);
                    self.wants_write.store(true, Ordering::Release);
                }
                CONFIRMED => {
                    let count: Vec<u8> = plain.collect();
                    let count = u32::from_be_bytes(count.try_into().unwrap_or_default());
                    self.confirmed.fetch_add(count, Ordering::AcqRel);
                }
                _ => incoming.is_over = true,
            }
            incoming.number += 1;
            at += HEADER + len;
        }
        incoming.sealed.drain(..at);
        Ok(())
    }
}

impl<S: Stream> Stream for Sealed<S> {
    const NAMES_PEER: bool = S::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.deregister(registration)
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        if self.stream.establish(so_far)? == Establishing::Connecting {
            return Ok(Establishing::Connecting);
        }
        let written = self.write_sealed(&mut lock(&self.outgoing));
        if let Err(error) = written {
            return would_block(error).map(|()| Establishing::Handshaking);
        }
        let mut incoming = lock(&self.incoming);
        while incoming.sealed.len() < HELLO.len() {
            if let Err(error) = self.read_sealed(&mut incoming) {
                return would_block(error).map(|()| Establishing::Handshaking);
            }
        }
        if !incoming.sealed.starts_with(&HELLO) {
            return Err(
                CloseReason::HandshakeRefused("it does not speak this cipher".into()).into()
            );
        }
        incoming.sealed.drain(..HELLO.len());
        incoming.is_greeted = true;
        Ok(Establishing::Established)
    }

    fn timed_out(&self) -> Option<CloseReason> {
        self.stream.timed_out()
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut incoming = lock(&self.incoming);
        if !incoming.is_greeted {
            return self.stream.read(buffer); // It ends, and never was open.
        }
        loop {
            self.open_records(&mut incoming)?;
            if !incoming.plain.is_empty() {
                return io::Read::read(&mut incoming.plain, buffer);
            }
            if incoming.is_over {
                return Ok(0);
            }
            self.read_sealed(&mut incoming)?;
        }
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut outgoing = lock(&self.outgoing);
        self.write_sealed(&mut outgoing)?; // No more than one record waits here.
        let bytes = buffers.iter().flat_map(|buffer| buffer.iter().copied());
        let plain: Vec<u8> = bytes.take(MAX_RECORD).collect();
        self.seal(&mut outgoing, DATA, &plain);
        match self.write_sealed(&mut outgoing) {
            Err(error) => would_block(error).map(|()| plain.len()),
            Ok(()) => Ok(plain.len()),
        }
    }

    fn flush(&self) -> io::Result<()> {
        self.write_sealed(&mut lock(&self.outgoing))
    }

    fn wants_write(&self) -> bool {
        self.wants_write.load(Ordering::Acquire)
    }

    /// What `read` leaves there is never a whole record.
    fn half_read(&self) -> usize {
        lock(&self.incoming).sealed.len() + self.stream.half_read()
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        if type_id == TypeId::of::<Confirmed>() {
            return Some(Arc::new(Confirmed(self.confirmed.load(Ordering::Acquire))));
        }
        self.stream.info(type_id)
    }

    fn facts(&self) -> Vec<Info> {
        let own: Info = Arc::new(Confirmed(self.confirmed.load(Ordering::Acquire)));
        self.stream.facts().into_iter().chain([own]).collect()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut outgoing = lock(&self.outgoing);
        if !std::mem::replace(&mut outgoing.is_last_sealed, true) {
            self.seal(&mut outgoing, LAST, &[]);
        }
        self.write_sealed(&mut outgoing)?;
        self.stream.shutdown_write()
    }
}

fn would_block(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
