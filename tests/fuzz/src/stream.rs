//! A stream whose every read and write does what a script says.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};

use arbitrary::Arbitrary;
use polywire_core::adapter::Registration;
use polywire_core::stream::{Establishing, Stream};
use polywire_core::{Notifier, Readiness};

/// What becomes of one read or write.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Bite {
    /// It takes at most so much, and at least a byte.
    Takes(u8),
    /// It blocks although it would not have to; readiness follows.
    Blocks,
    Interrupted,
    /// The connection fails.
    Reset,
    NotConnected,
}

/// Both directions between a connection of the node and its peer.
#[derive(Default)]
pub struct Wire {
    /// Whether the connect is over, and how.
    pub connected: Option<bool>,
    pub inbound: VecDeque<u8>,
    /// The peer writes no more.
    pub ended: bool,
    pub failed: Option<io::ErrorKind>,
    pub reads: VecDeque<Bite>,
    pub writes: VecDeque<Bite>,
    /// Bytes that the system takes before it blocks.
    pub room: usize,
    pub written: Vec<u8>,
    /// The node said that it writes no more.
    pub shut: bool,
    /// The node holds it no more.
    pub dropped: bool,
    /// Readiness that is due and was not told.
    edge: Readiness,
    notifier: Option<Notifier>,
}

impl Wire {
    /// Something became ready.
    pub fn is_due(&mut self, readable: bool, writable: bool) {
        self.edge.readable |= readable;
        self.edge.writable |= writable;
        self.edge.ended |= readable && self.ended;
    }

    pub fn has_edge(&self) -> bool {
        self.edge != Readiness::default() && self.notifier.is_some() && !self.dropped
    }

    pub fn fail(&mut self, kind: io::ErrorKind) {
        self.failed.get_or_insert(kind);
        self.inbound.clear();
        self.ended = true;
        self.is_due(true, true);
    }

    fn meet(&mut self, bite: Option<Bite>) -> io::Result<usize> {
        match bite {
            None => {}
            Some(Bite::Takes(most)) => return self.unless_failed(usize::from(most).max(1)),
            Some(Bite::Blocks) => return Err(io::ErrorKind::WouldBlock.into()),
            Some(Bite::Interrupted) => return Err(io::ErrorKind::Interrupted.into()),
            Some(Bite::Reset) => self.fail(io::ErrorKind::ConnectionReset),
            Some(Bite::NotConnected) => self.fail(io::ErrorKind::NotConnected),
        }
        self.unless_failed(usize::MAX)
    }

    fn unless_failed(&self, most: usize) -> io::Result<usize> {
        self.failed.map_or(Ok(most), |kind| Err(kind.into()))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bite = self.reads.pop_front();
        let most = self.meet(bite).inspect_err(|_| self.is_due(true, false))?;
        let available = self.inbound.len().min(buffer.len());
        let len = available.min(most);
        if len == 0 && !self.ended && !buffer.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        for (to, from) in buffer.iter_mut().zip(self.inbound.drain(..len)) {
            *to = from;
        }
        if len < available {
            // A short read means drained, and this one did not drain.
            self.is_due(true, false);
        }
        Ok(len)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.shut, "a write behind the end");
        let bite = self.writes.pop_front();
        let most = self.meet(bite).inspect_err(|_| self.is_due(false, true))?;
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        assert!(wanted > 0, "an empty write");
        if self.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = wanted.min(self.room).min(most);
        self.room -= len;
        let start = self.written.len();
        self.written.extend(buffers.iter().flat_map(|buffer| buffer.iter()).take(len));
        assert_eq!(self.written.len(), start + len);
        if len < wanted && self.room > 0 {
            self.is_due(false, true);
        }
        Ok(len)
    }
}

/// A wire, as the script and the node hold it.
#[derive(Clone, Default)]
pub struct SharedWire(Arc<Mutex<Wire>>);

impl SharedWire {
    pub fn lock(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().expect("nothing panics while it is locked")
    }

    /// The node's end of it.
    pub fn stream(&self) -> Scripted {
        Scripted(self.clone())
    }

    /// Tells the node what is due, and that of which it is not.
    pub fn tell(&self, besides: Readiness) {
        let mut wire = self.lock();
        let mut told = std::mem::take(&mut wire.edge);
        told.readable |= besides.readable;
        told.writable |= besides.writable;
        let notifier = wire.notifier.clone();
        drop(wire);
        match notifier {
            Some(notifier) if told != Readiness::default() => notifier.notify(told),
            Some(_) => {}
            None => self.lock().edge = told,
        }
    }
}

/// The node's end of a [`Wire`].
pub struct Scripted(SharedWire);

impl Stream for Scripted {
    const SHORT_READ_DRAINS: bool = true;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.0.lock().notifier = Some(registration.notifier());
        Ok(())
    }

    fn deregister(&mut self, _registration: &Registration<'_>) -> io::Result<()> {
        self.0.lock().notifier = None;
        Ok(())
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        if so_far != Establishing::Connecting {
            return Ok(Establishing::Established);
        }
        match self.0.lock().connected {
            None => Ok(Establishing::Connecting),
            Some(true) => Ok(Establishing::Established),
            Some(false) => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().read(buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.lock().write(buffers)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut wire = self.0.lock();
        wire.shut = true;
        wire.unless_failed(0).map(|_| ())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let mut wire = self.0.lock();
        wire.dropped = true;
        wire.notifier = None;
    }
}
