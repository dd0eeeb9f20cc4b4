use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Counts the calls, and answers each by something that no default does.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Counting {
    fn count<T>(&self, answer: T) -> T {
        self.0.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

#[deny(clippy::missing_trait_methods)]
impl Stream for Counting {
    const SHORT_READ_DRAINS: bool = true;
    const SHORT_WRITE_FILLS: bool = true;
    const NAMES_PEER: bool = true;

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        self.count(Ok(()))
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        self.count(Ok(()))
    }

    fn establish(&self, _: Establishing) -> io::Result<Establishing> {
        self.count(Ok(Establishing::Handshaking))
    }

    fn timed_out(&self) -> Option<CloseReason> {
        self.count(Some(CloseReason::Refused))
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        self.count(Ok(1))
    }

    fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        self.count(Ok(2))
    }

    fn flush(&self) -> io::Result<()> {
        self.count(Err(io::ErrorKind::WouldBlock.into()))
    }

    fn wants_write(&self) -> bool {
        self.count(true)
    }

    fn drained_by(&self, len: usize, room: usize) -> bool {
        self.count((len, room) == (3, 4))
    }

    fn half_read(&self) -> usize {
        self.count(5)
    }

    fn info(&self, _: TypeId) -> Option<Info> {
        self.count(Some(Arc::new(6)))
    }

    fn facts(&self) -> Vec<Info> {
        self.count(vec![Arc::new(7)])
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.count(Some(([127, 0, 0, 1], 8).into()))
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.count(Some(([127, 0, 0, 1], 9).into()))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.count(Err(io::ErrorKind::NotConnected.into()))
    }
}

struct Nothing(Counting);

impl PassThrough for Nothing {
    type Under = Counting;

    fn under(&self) -> &Counting {
        &self.0
    }

    fn under_mut(&mut self) -> &mut Counting {
        &mut self.0
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        self.0.establish(so_far)
    }
}

/// Each answer of a stream that is asked for nothing but what it does without a poller.
fn answers<S: Stream>(stream: &S) -> String {
    format!(
        "{:?}",
        (
            (S::SHORT_READ_DRAINS, S::SHORT_WRITE_FILLS, S::NAMES_PEER),
            (stream.establish(Establishing::Connecting).unwrap(), stream.timed_out()),
            (stream.read(&mut [0]).unwrap(), stream.write_vectored(&[]).unwrap()),
            (stream.flush().unwrap_err().kind(), stream.shutdown_write().unwrap_err().kind()),
            (stream.wants_write(), stream.drained_by(3, 4), stream.half_read()),
            (stream.info(TypeId::of::<u8>()).is_some(), stream.facts().len()),
            (stream.local_addr(), stream.peer_addr()),
        )
    )
}

#[test]
fn every_call_goes_to_the_stream_underneath_once() {
    let passing = Nothing(Counting::default());
    assert_eq!(answers(&passing), answers(&Counting::default()));
    assert_eq!(passing.0.0.load(Ordering::Relaxed), 13);
}
