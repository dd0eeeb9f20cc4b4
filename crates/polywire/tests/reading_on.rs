//! Where there may be more to read, it is read without the poller being asked in between. Nobody
//! notices, but by the speed.

mod support;

use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapter::{
    Closing, Connect, Connection, Flow, Io, Opening, Received, Remote, SendFlags, Sender, Sink,
};
use polywire::network::{self, Endpoint, NetEvent, RemoteAddr, SendStatus, Transport};
use polywire_core::{Message, Readiness};

use support::ANY_PORT;

#[test]
fn a_wait_lasts_its_time_though_a_datagram_came_just_before() {
    const TIME: Duration = Duration::from_millis(20);
    let (network, mut processor) = network::split();
    let (_, addr) = network.listen(Transport::Udp, ANY_PORT).unwrap();
    let peer = UdpSocket::bind(ANY_PORT).unwrap();
    for _ in 0..3 {
        let mut messages = 0;
        peer.send_to(b"one", addr).unwrap();
        processor.process_poll_event(None, |_| messages += 1);
        assert_eq!(messages, 1);
        let begun = Instant::now();
        processor.process_poll_event(Some(TIME), |event| panic!("{event:?}"));
        assert!(begun.elapsed() >= TIME);
    }
}

/// A connection that always has one more message, and never says so. With whether one is enough, as it
/// is told.
#[derive(Clone, Copy)]
struct Endless(bool);

impl Connect for Endless {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        Ok(Connection::new(*self, addr.clone(), addr.clone()))
    }
}

impl Sender for Endless {
    fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
        SendStatus::Sent
    }
}

impl Remote for Endless {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(*self)
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        io.registration.notifier().notify(Readiness::READABLE);
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        assert_eq!(io.single_event, self.0);
        match sink.message(Message::binary(b"one more"), false) {
            Flow::Continue => Received::MayHaveMore,
            Flow::Stop => Received::Unfinished,
        }
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        Closing::Done
    }
}

/// The number of the turn that brings the message of a stream, while each brings another message.
fn turns_until_a_stream_is_read(timeout: Option<Duration>) -> usize {
    let (network, mut processor) = network::split();
    let (_, addr) = network.listen(Transport::Tcp, ANY_PORT).unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    let (mut others, mut is_accepted, mut is_read) = (0, false, false);
    let mut turn = || {
        processor.process_poll_event(timeout, |event| match event {
            NetEvent::Connected(..) => {}
            NetEvent::Accepted(..) => is_accepted = true,
            NetEvent::Message(_, b"stream") => is_read = true,
            NetEvent::Message(..) => others += 1,
            NetEvent::Disconnected(_) => panic!("{event:?}"),
        });
        (others, is_accepted, is_read)
    };
    while !turn().1 {}
    network.connect(Endless(timeout.is_none()), "endless").unwrap();
    while turn().0 < 100 {}
    stream.write_all(b"stream").unwrap();
    (1..1000).find(|_| turn().2).expect("others are served")
}

#[test]
fn a_stream_is_read_though_another_connection_may_always_have_more() {
    let turns = turns_until_a_stream_is_read(None);
    assert!(turns <= 20, "{turns}");
}

#[test]
fn a_turn_that_does_not_wait_brings_all_that_is_ready() {
    let turns = turns_until_a_stream_is_read(Some(Duration::ZERO));
    assert!(turns <= 2, "{turns}");
}
