//! What stands around a stream or a connection passes on what it is asked.

use std::any::TypeId;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polywire_core::adapter::{
    Connect, Connection, Info, Io, Opening, Received, Registration, Remote, SendFlags, Sender, Sink,
};
use polywire_core::address::RemoteAddr;
use polywire_core::network::{self, NetEvent, SendStatus};
use polywire_core::stream::{Establishing, Layer, Stream};
use polywire_core::{CloseReason, Endpoint, Limits, Readiness};
use polywire_testkit::conformance::{Checked, FaultyLink};

const PATIENCE: Duration = Duration::from_millis(10);

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

/// A connection that closes at once, whatever waits, and has one sender to give.
struct Hasty {
    sender: Mutex<Option<Arc<dyn Sender>>>,
}

/// Keeps what is sent.
struct Keeping {
    queued: AtomicUsize,
}

/// Connects to nobody.
struct ConnectHastily;

impl Connect for ConnectHastily {
    fn connect(&self, _: &RemoteAddr) -> io::Result<Connection> {
        let sender: Arc<dyn Sender> = Arc::new(Keeping { queued: AtomicUsize::new(0) });
        let (peer, local) = (RemoteAddr::Str("peer".into()), RemoteAddr::Str("local".into()));
        let hasty = Hasty { sender: Mutex::new(Some(sender)) };
        Ok(Connection::new(Checked::new(hasty), peer, local))
    }
}

impl Sender for Keeping {
    fn send(&self, _: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        self.queued.fetch_add(message.len(), Ordering::Relaxed);
        SendStatus::Sent
    }

    fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }
}

impl Remote for Hasty {
    fn sender(&self) -> Arc<dyn Sender> {
        self.sender.lock().unwrap().take().expect("it is called once")
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::default()
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        io.registration.notifier().notify(Readiness::WRITABLE);
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, _: &mut dyn Sink) -> Received {
        Received::Drained
    }
}

/// Why a connection that was removed is over, after that message.
fn reason_after(message: Option<&[u8]>) -> Option<CloseReason> {
    let (network, mut processor) = network::split();
    let (endpoint, _) = network.connect(&ConnectHastily, "peer").unwrap();
    let mut is_ready = false;
    while !is_ready {
        processor.process_poll_event(Some(PATIENCE), |event| match event {
            NetEvent::Connected(it, true) => is_ready = it == endpoint,
            event => panic!("{event:?}"),
        });
    }
    if let Some(message) = message {
        assert_eq!(network.send(endpoint, message), SendStatus::Sent);
    }
    assert!(network.remove(endpoint.resource_id()));
    while network.stats().endpoints > 0 {
        processor.process_poll_event(Some(PATIENCE), |event| panic!("{event:?}"));
    }
    network.close_reason(endpoint)
}

#[test]
fn a_checked_connection_is_asked_for_its_sender_once() {
    assert_eq!(reason_after(None), Some(CloseReason::Removed));
}

#[test]
fn a_checked_connection_names_what_it_loses_as_it_closes() {
    let reason = reason_after(Some(b"lost"));
    let Some(CloseReason::AdapterFault(text)) = &reason else { panic!("{reason:?}") };
    assert!(text.contains("`close` is `Failed` rather than `Done`"), "{text}");
}
