//! A bad link under any stream protocol.

use std::any::TypeId;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use polywire_core::adapter::{Accepted, Info, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, Stream};
use polywire_core::{CloseReason, Notifier, Readiness};

use crate::random::Random;

/// A layer that changes no byte and makes everything difficult: short reads and writes, `WouldBlock` without a cause,
/// delays, a reset after some number of bytes. For `config.over(layer)`, so that what holds on a good link is held on a bad one.
///
/// ```
/// use polywire_testkit::conformance::FaultyLink;
/// use std::time::Duration;
///
/// let trickle = FaultyLink::new(7).with_longest_read(1).with_longest_write(3);
/// let storm = FaultyLink::new(7).with_would_block(500);
/// let slow = FaultyLink::new(7).with_would_block(20).with_delay(Duration::from_millis(1));
/// let broken = FaultyLink::new(7).with_reset_after(1000);
/// # let _ = (trickle, storm, slow, broken);
/// ```
#[derive(Clone, Debug)]
pub struct FaultyLink {
    seed: u64,
    longest_read: usize,
    longest_write: usize,
    would_block: u32,
    delay: Duration,
    reset_after: u64,
}

impl FaultyLink {
    /// A link without a fault, whose choices come from `seed`.
    pub fn new(seed: u64) -> Self {
        let (longest_read, longest_write) = (usize::MAX, usize::MAX);
        let (would_block, delay, reset_after) = (0, Duration::ZERO, u64::MAX);
        Self { seed, longest_read, longest_write, would_block, delay, reset_after }
    }

    /// The most bytes that a read gives; it gives 1 at least. Default: all that there are.
    #[must_use]
    pub fn with_longest_read(self, bytes: usize) -> Self {
        Self { longest_read: bytes, ..self }
    }

    /// The most bytes that a write takes; it takes 1 at least. Default: all that it is given.
    #[must_use]
    pub fn with_longest_write(self, bytes: usize) -> Self {
        Self { longest_write: bytes, ..self }
    }

    /// So many reads and writes of a thousand would block, and readiness is told afterwards. Default: 0.
    #[must_use]
    pub fn with_would_block(self, of_a_thousand: u32) -> Self {
        Self { would_block: of_a_thousand, ..self }
    }

    /// How much later that readiness is told. Default: at once.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The connection is reset once this number of bytes has passed, in both directions together. Default: never.
    #[must_use]
    pub fn with_reset_after(self, bytes: u64) -> Self {
        Self { reset_after: bytes, ..self }
    }
}

impl<S: Stream> Layer<S> for FaultyLink {
    type Stream = FaultyStream<S>;

    fn connect(&self, stream: S, _: &RemoteAddr) -> io::Result<FaultyStream<S>> {
        Ok(FaultyStream::new(stream, self, 0))
    }

    fn accept(&self, stream: S, _: &Accepted) -> io::Result<FaultyStream<S>> {
        Ok(FaultyStream::new(stream, self, 1))
    }
}

/// What [`FaultyLink`] makes of a stream.
#[derive(Debug)]
pub struct FaultyStream<S> {
    inner: S,
    link: FaultyLink,
    state: Mutex<State>,
    notifier: Option<Notifier>,
}

#[derive(Debug)]
struct State {
    random: Random,
    passed: u64,
}

impl<S: Stream> FaultyStream<S> {
    fn new(inner: S, link: &FaultyLink, side: u64) -> Self {
        let random = Random::new(link.seed.wrapping_mul(2) + side);
        let state = Mutex::new(State { random, passed: 0 });
        Self { inner, link: link.clone(), state, notifier: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of `len` may pass now.
    fn admit(&self, len: usize, longest: usize, readiness: Readiness) -> io::Result<usize> {
        let mut state = self.state();
        if state.passed >= self.link.reset_after {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if state.random.chance(self.link.would_block) {
            drop(state);
            self.tell_later(readiness);
            return Err(ErrorKind::WouldBlock.into());
        }
        let most = len.min(longest);
        Ok(if most == len && longest == usize::MAX { len } else { 1 + state.random.below(most) })
    }

    /// The poller would say nothing: it knows of no block.
    fn tell_later(&self, readiness: Readiness) {
        let Some(notifier) = self.notifier.clone() else { return };
        let delay = self.link.delay;
        if delay.is_zero() {
            return notifier.notify(readiness);
        }
        thread::spawn(move || {
            thread::sleep(delay);
            notifier.notify(readiness);
        });
    }

    fn count(&self, bytes: usize) -> usize {
        self.state().passed += bytes as u64;
        bytes
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would answer in place of the one inside")]
impl<S: Stream> Stream for FaultyStream<S> {
    const NAMES_PEER: bool = S::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.notifier = Some(registration.notifier());
        self.inner.register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.notifier = None;
        self.inner.deregister(registration)
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        self.inner.establish(so_far)
    }

    fn timed_out(&self) -> Option<CloseReason> {
        self.inner.timed_out()
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(1 << 20);
        let len = self.admit(len, self.link.longest_read, Readiness::READABLE)?;
        let len = len.min(buffer.len());
        Ok(self.count(self.inner.read(&mut buffer[..len])?))
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let len = self.admit(wanted, self.link.longest_write, Readiness::WRITABLE)?;
        let taken = match len < wanted {
            true => {
                let front: Vec<u8> = buffers.iter().flat_map(|b| &**b).copied().take(len).collect();
                self.inner.write_vectored(&[IoSlice::new(&front)])?
            }
            false => self.inner.write_vectored(buffers)?,
        };
        Ok(self.count(taken))
    }

    fn flush(&self) -> io::Result<()> {
        self.inner.flush()
    }

    fn wants_write(&self) -> bool {
        self.inner.wants_write()
    }

    /// It is the link that makes reads short, so a short one tells nothing.
    fn drained_by(&self, _: usize, _: usize) -> bool {
        false
    }

    fn half_read(&self) -> usize {
        self.inner.half_read()
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.inner.info(type_id)
    }

    fn facts(&self) -> Vec<Info> {
        self.inner.facts()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.inner.peer_addr()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.inner.shutdown_write()
    }
}
