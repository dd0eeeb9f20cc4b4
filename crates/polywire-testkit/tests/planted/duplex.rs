//! A stream of bytes inside one process, with a fault.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polywire_core::adapter::Registration;
use polywire_core::stream::Stream;

const ROOM: usize = 64 << 10;
/// What a fault does not touch, or takes at once.
const SOME: usize = 1000;
/// What arrives of more before it is read, where not all does.
const WINDOW: usize = 4 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Not one: as with a socket that has a small receive buffer, the rest waits with the sender.
    ArrivesInParts,
    LosesBytes,
    ReadsTooMuch,
    TakesTooMuch,
    ForgetsTheSecondSlice,
    TakesAndBlocks,
    HasNoBound,
    IsNotDrained,
    IsNotFilled,
    IsFlushedTooSoon,
    EndsTooSoon,
    HasNoEnd,
    EndsBothWays,
    LivesOnWhenDropped,
    TellsLossAsEnd,
    BlocksForTheDead,
    GoesOneWay,
}

#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    /// Those that a read finds.
    arrived: usize,
    is_over: bool,
    /// Nobody writes any more, without having said so.
    is_lost: bool,
    /// Nobody reads any more.
    is_abandoned: bool,
}

impl Way {
    fn arrive(&mut self, fault: Fault) {
        let most = if fault == Fault::ArrivesInParts { WINDOW } else { usize::MAX };
        self.arrived = self.arrived.max(self.bytes.len().min(most));
    }
}

/// One end. With `CLAIMS`, it claims what the two constants of [`Stream`] do.
pub struct Duplex<const CLAIMS: bool> {
    fault: Fault,
    incoming: Arc<Mutex<Way>>,
    outgoing: Arc<Mutex<Way>>,
    wants_write: AtomicBool,
}

/// Two ends.
pub fn pair<const CLAIMS: bool>(fault: Fault) -> (Duplex<CLAIMS>, Duplex<CLAIMS>) {
    let (up, down) = (Arc::<Mutex<Way>>::default(), Arc::<Mutex<Way>>::default());
    let end = |incoming: &Arc<Mutex<Way>>, outgoing: &Arc<Mutex<Way>>| Duplex {
        fault,
        incoming: Arc::clone(incoming),
        outgoing: Arc::clone(outgoing),
        wants_write: AtomicBool::new(false),
    };
    (end(&down, &up), end(&up, &down))
}

fn lock(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<const CLAIMS: bool> Stream for Duplex<CLAIMS> {
    const SHORT_READ_DRAINS: bool = CLAIMS;
    const SHORT_WRITE_FILLS: bool = CLAIMS;

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fault == Fault::GoesOneWay && !lock(&self.outgoing).bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut way = lock(&self.incoming);
        if way.bytes.is_empty() {
            return match way.is_lost {
                _ if way.is_over => Ok(0),
                true if self.fault == Fault::TellsLossAsEnd => Ok(0),
                true => Err(ErrorKind::ConnectionReset.into()),
                false => Err(ErrorKind::WouldBlock.into()),
            };
        }
        if way.arrived == 0 {
            way.arrive(self.fault);
        }
        let most = if self.fault == Fault::IsNotDrained { SOME } else { usize::MAX };
        let len = buffer.len().min(way.arrived).min(most);
        way.arrived -= len;
        for (to, byte) in buffer.iter_mut().zip(way.bytes.drain(..len)) {
            *to = byte;
        }
        Ok(if self.fault == Fault::ReadsTooMuch { buffer.len() + 1 } else { len })
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut way = lock(&self.outgoing);
        if way.is_abandoned && self.fault != Fault::BlocksForTheDead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = match self.fault {
            Fault::HasNoBound => usize::MAX,
            _ => ROOM.saturating_sub(way.bytes.len()),
        };
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if room == 0 && wanted > 0 {
            if self.fault == Fault::TakesAndBlocks {
                way.bytes.extend(buffers.iter().flat_map(|buffer| &**buffer));
            }
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.fault == Fault::IsFlushedTooSoon {
            self.wants_write.store(true, Ordering::Relaxed);
        }
        let most = if self.fault == Fault::IsNotFilled { SOME } else { usize::MAX };
        let len = wanted.min(room).min(most);
        let bytes = buffers.iter().flat_map(|buffer| &**buffer).copied().take(len);
        match self.fault {
            Fault::LosesBytes => way
                .bytes
                .extend(bytes.enumerate().filter_map(|(at, byte)| (at != SOME).then_some(byte))),
            Fault::ForgetsTheSecondSlice => {
                way.bytes.extend(buffers.first().iter().flat_map(|buffer| &***buffer));
            }
            _ => way.bytes.extend(bytes),
        }
        way.arrive(self.fault);
        Ok(if self.fault == Fault::TakesTooMuch { wanted + 1 } else { len })
    }

    fn flush(&self) -> io::Result<()> {
        Ok(()) // There is nothing to write, or so it says.
    }

    fn wants_write(&self) -> bool {
        self.wants_write.load(Ordering::Relaxed)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut way = lock(&self.outgoing);
        match self.fault {
            Fault::HasNoEnd => return Ok(()),
            Fault::EndsTooSoon => (way.bytes, way.arrived) = (VecDeque::new(), 0),
            Fault::EndsBothWays => {
                drop(way);
                lock(&self.incoming).is_over = true;
                way = lock(&self.outgoing);
            }
            _ => {}
        }
        way.is_over = true;
        Ok(())
    }
}

impl<const CLAIMS: bool> Drop for Duplex<CLAIMS> {
    fn drop(&mut self) {
        if self.fault != Fault::LivesOnWhenDropped {
            lock(&self.outgoing).is_lost = true;
            lock(&self.incoming).is_abandoned = true;
        }
    }
}
