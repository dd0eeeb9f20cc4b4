use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::adapter::{Closing, Registration, Remote, SendFlags};
use crate::limits::Limits;
use crate::message::Message;
use crate::stream::engine::fixture::{nobody, with_io};
use crate::stream::{Context, Decoded, Encoder, Establishing, Frame, Item};

/// A peer that sends `says`, and takes up to `room` bytes.
#[derive(Default)]
struct Peer {
    says: Mutex<VecDeque<u8>>,
    got: Mutex<Vec<u8>>,
    room: AtomicUsize,
    /// A layer never comes to its end.
    is_layered: bool,
}

impl Peer {
    fn new(says: &str, room: usize) -> Arc<Self> {
        let says = Mutex::new(says.bytes().collect());
        Arc::new(Self { says, room: room.into(), ..Self::default() })
    }

    fn got(&self) -> String {
        String::from_utf8(self.got.lock().unwrap().clone()).unwrap()
    }
}

impl Stream for Arc<Peer> {
    fn establish(&self, _: Establishing) -> io::Result<Establishing> {
        Ok(match self.is_layered {
            true => Establishing::Handshaking,
            false => Establishing::Established,
        })
    }

    fn timed_out(&self) -> Option<CloseReason> {
        Some(CloseReason::HandshakeRefused("by the layer".into()))
    }

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(byte) = self.says.lock().unwrap().pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        buffer[0] = byte;
        Ok(1)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let room = self.room.load(Ordering::Relaxed);
        let len = buffers[0].len().min(room);
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.store(room - len, Ordering::Relaxed);
        self.got.lock().unwrap().extend(&buffers[0][..len]);
        Ok(len)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Greets. Goes elsewhere on an `r`, as often as it may, and is ready on an `o`.
struct Greeting {
    hops: usize,
}

struct Whole;

impl Encoder for Whole {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl Protocol for Greeting {
    type Encoder = Whole;

    fn encoder(&self) -> Whole {
        Whole
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        cx.out.extend(b"hello ");
        false
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        match input[0] {
            b'o' => Ok(Decoded { consumed: 1, item: Item::Ready }),
            _ => Err(CloseReason::HandshakeRefused("elsewhere".into())),
        }
    }

    fn open_failed(&mut self, reason: &mut CloseReason) -> Option<RemoteAddr> {
        *reason = CloseReason::HandshakeRefused("too often".into());
        self.hops = self.hops.checked_sub(1)?;
        Some(RemoteAddr::Str(format!("{} left", self.hops)))
    }
}

/// Opens until there is a result.
fn open(engine: &mut Engine<Arc<Peer>, Greeting>) -> Opening {
    let mut opening = Opening::Handshaking;
    while opening == Opening::Handshaking {
        with_io(64 << 10, 1000, |io| opening = engine.open(io));
        thread::yield_now();
    }
    opening
}

#[test]
fn a_connection_is_opened_elsewhere_and_takes_with_it_what_was_sent() {
    let first = Peer::new("r", 3); // Of the greeting, the rest is left.
    let peers = Mutex::new(VecDeque::from([Peer::new("r", 6), Peer::new("o", 100)]));
    let last = Arc::clone(&peers.lock().unwrap()[1]);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let mut engine =
        Engine::connecting(Arc::clone(&first), Greeting { hops: 2 }, Limits::default())
            .with_redirects(move |addr| {
                noted.lock().unwrap().push(addr.to_string());
                let peer = peers.lock().unwrap().pop_front().unwrap();
                Ok(Dialed::new(peer, addr.clone(), addr.clone()))
            });
    with_io(64 << 10, 1000, |io| engine.register(io).unwrap());
    engine.sender().send(&nobody(), b"message", SendFlags::default());
    assert_eq!(open(&mut engine), Opening::Ready);
    assert_eq!(*asked.lock().unwrap(), ["1 left", "0 left"]);
    assert_eq!((first.got(), last.got()), ("hel".into(), "hello message".into()));
    assert_eq!(engine.sender().queued(), 0);
    assert_eq!(Arc::strong_count(&first), 1, "the stream before is not closed");
    assert!(engine.transient.is_none(), "memory is kept for what is over");
}

#[test]
fn one_that_cannot_go_elsewhere_fails_for_the_reason_of_its_protocol() {
    let too_often = Opening::Failed(CloseReason::HandshakeRefused("too often".into()));
    // Nobody dials.
    let mut engine =
        Engine::connecting(Peer::new("r", 100), Greeting { hops: 1 }, Limits::default());
    assert_eq!(open(&mut engine), too_often);
    // The protocol has had enough.
    let dial = |addr: &RemoteAddr| Ok(Dialed::new(Peer::new("r", 100), addr.clone(), addr.clone()));
    let mut engine =
        Engine::connecting(Peer::new("r", 100), Greeting { hops: 3 }, Limits::default())
            .with_redirects(dial);
    assert_eq!(open(&mut engine), too_often);
    // Whom it names is not there.
    let dial = |_: &RemoteAddr| Err(io::ErrorKind::ConnectionRefused.into());
    let mut engine =
        Engine::connecting(Peer::new("r", 100), Greeting { hops: 1 }, Limits::default())
            .with_redirects(dial);
    assert_eq!(open(&mut engine), Opening::Failed(CloseReason::Refused));
    with_io(64 << 10, 1000, |io| {
        assert_eq!(engine.close(io, &CloseReason::Refused), Closing::Done);
    });
}

#[test]
fn what_is_known_when_the_handshake_takes_too_long_is_told() {
    let refused = |text: &'static str| CloseReason::HandshakeRefused(text.into());
    let layered = Arc::new(Peer { is_layered: true, ..Peer::default() });
    for (peer, reason) in
        [(layered, refused("by the layer")), (Peer::new("", 100), refused("too often"))]
    {
        let mut engine = Engine::connecting(peer, Greeting { hops: 1 }, Limits::default());
        with_io(64 << 10, 1000, |io| assert_eq!(engine.open(io), Opening::Handshaking));
        assert_eq!(engine.timed_out(), reason);
    }
}

/// A stream whose layer refuses the first words of the peer in the very call that finds it connected.
struct Refusing;

impl Stream for Refusing {
    fn establish(&self, _: Establishing) -> io::Result<Establishing> {
        Err(CloseReason::HandshakeRefused("by the layer".into()).into())
    }

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_address_that_a_layer_refuses_has_answered() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut engine = Engine::connecting(Refusing, Greeting { hops: 0 }, Limits::default())
        .with_fallback(move || {
            count.fetch_add(1, Ordering::Relaxed);
            None
        });
    with_io(64 << 10, 1000, |io| {
        engine.register(io).unwrap();
        let reason = CloseReason::HandshakeRefused("by the layer".into());
        assert_eq!(engine.open(io), Opening::Failed(reason));
    });
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
