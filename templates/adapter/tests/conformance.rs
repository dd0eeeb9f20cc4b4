//! The adapter keeps its contract.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use polywire_core::stream::{Establishing, Stream};
use polywire_template::{Framed, Socket, Template};
use polywire_testkit::conformance;
use polywire_testkit::conformance::{ProtocolSubject, StreamSubject, Subject};

const MAX: usize = 64 << 20;

conformance! {
    adapter template = Subject::new(
        |limits| Box::new(Template::default().with_limits(limits)),
        |limits| Box::new(Template::default().with_limits(limits)),
    );
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: MAX,
}

fn framed() -> Framed {
    Framed::new(MAX, Duration::from_secs(5))
}

conformance! {
    protocol framed = ProtocolSubject::new(super::framed, super::framed);
    packets: yes,
}

fn sockets() -> (Socket, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    (Socket::from_std(one).unwrap(), Socket::from_std(other).unwrap())
}

conformance! {
    stream socket = StreamSubject::new(sockets);
}

#[test]
fn small_messages_are_not_delayed_on_either_side() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    for (side, so_far) in
        [(connected, Establishing::Connecting), (accepted, Establishing::Handshaking)]
    {
        let socket = Socket::from_std(side.try_clone().unwrap()).unwrap();
        assert_eq!(socket.establish(so_far).unwrap(), Establishing::Established);
        assert!(side.nodelay().unwrap(), "{so_far:?}");
    }
}
