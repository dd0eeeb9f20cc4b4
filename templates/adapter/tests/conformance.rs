//! The adapter keeps its contract.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

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
