//! The protocol and the socket keep the rules of their traits.

use std::net::{TcpListener, TcpStream};

use polywire_tcp::{Raw, TcpSocket};
use polywire_testkit::conformance::{ProtocolSubject, StreamSubject};

fn sockets() -> (TcpSocket, TcpSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    (TcpSocket::from_std(one).unwrap(), TcpSocket::from_std(other).unwrap())
}

polywire_testkit::conformance! {
    protocol raw = ProtocolSubject::new(|| Raw, || Raw);
    packets: no,
}

polywire_testkit::conformance! {
    stream socket = StreamSubject::new(sockets);
}
