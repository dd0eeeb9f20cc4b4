//! What stands around a stream or a connection passes on what it is asked.

use std::any::TypeId;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polywire_core::adapter::{Info, Io, Opening, Received, Registration, Remote, Sender, Sink};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, Stream};
use polywire_core::{CloseReason, Limits};
use polywire_testkit::conformance::{Checked, FaultyLink};

/// Counts the calls, and answers each by something that no default does.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    fn count<T>(&self, answer: T) -> T {
        self.0.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

impl Stream for Counting {
    const NAMES_PEER: bool = true;

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
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
        self.count(Err(ErrorKind::WouldBlock.into()))
    }

    fn wants_write(&self) -> bool {
        self.count(true)
    }

    fn half_read(&self) -> usize {
        self.count(3)
    }

    fn info(&self, _: TypeId) -> Option<Info> {
        self.count(Some(Arc::new(4)))
    }

    fn facts(&self) -> Vec<Info> {
        self.count(vec![Arc::new(5)])
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.count(Some(([127, 0, 0, 1], 6).into()))
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.count(Some(([127, 0, 0, 1], 7).into()))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.count(Err(ErrorKind::NotConnected.into()))
    }
}

/// Each answer of a stream that is asked for nothing but what it does without a poller.
fn answers<S: Stream>(stream: &S) -> String {
    format!(
        "{:?}",
        (
            (S::NAMES_PEER, stream.half_read(), stream.wants_write()),
            (stream.establish(Establishing::Connecting).unwrap(), stream.timed_out()),
            (stream.read(&mut [0]).unwrap(), stream.write_vectored(&[]).unwrap()),
            (stream.flush().unwrap_err().kind(), stream.shutdown_write().unwrap_err().kind()),
            (stream.info(TypeId::of::<u8>()).is_some(), stream.facts().len()),
            (stream.local_addr(), stream.peer_addr()),
        )
    )
}

#[test]
fn every_call_of_a_faulty_stream_goes_to_the_one_underneath_once() {
    let counting = Counting::default();
    let addr = RemoteAddr::Str("nowhere".into());
    let faulty = FaultyLink::new(1).connect(counting.clone(), &addr).unwrap();
    assert_eq!(answers(&faulty), answers(&Counting::default()));
    assert_eq!(counting.0.load(Ordering::Relaxed), 12);
}

/// Answers what is asked without a loop by something that no default does.
struct Named(Arc<Limits>);

impl Remote for Named {
    fn sender(&self) -> Arc<dyn Sender> {
        unreachable!("nobody sends")
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.0)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some(([127, 0, 0, 1], 1).into())
    }

    fn names_peer(&self) -> bool {
        true
    }

    fn register(&mut self, _: &mut Io<'_>) -> io::Result<()> {
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn timed_out(&mut self) -> CloseReason {
        CloseReason::Refused
    }

    fn receive(&mut self, _: &mut Io<'_>, _: &mut dyn Sink) -> Received {
        Received::Drained
    }

    fn type_name(&self) -> &'static str {
        "Named"
    }
}

#[test]
fn a_checked_connection_answers_as_the_one_inside() {
    fn answers(remote: &mut impl Remote) -> String {
        let (peer, reason) = ((remote.peer_addr(), remote.names_peer()), remote.timed_out());
        format!("{:?}", (peer, reason, remote.limits().linger, remote.type_name()))
    }
    let limits = Arc::new(Limits::default());
    let mut checked = Checked::new(Named(Arc::clone(&limits)));
    assert_eq!(answers(&mut checked), answers(&mut Named(limits)));
}
