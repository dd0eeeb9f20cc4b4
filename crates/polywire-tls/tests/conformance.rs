//! The stream keeps the rules of its trait, whichever end asks for the other one's certificate.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::net::{TcpListener, TcpStream};

use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Layer;
use polywire_tcp::TcpSocket;
use polywire_testkit::conformance::StreamSubject;
use polywire_tls::TlsStream;

use support::certificates::Both;

fn streams(both: &Both) -> (TlsStream<TcpSocket>, TlsStream<TcpSocket>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = RemoteAddr::Socket(listener.local_addr().unwrap());
    let one = TcpSocket::from_std(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let other = TcpSocket::from_std(listener.accept().unwrap().0);
    let accepted = Accepted::new(addr.clone(), addr.clone());
    let one = both.connect.connect(one.unwrap(), &addr).unwrap();
    (one, both.listen.accept(other.unwrap(), &accepted).unwrap())
}

polywire_testkit::conformance! {
    stream client = StreamSubject::new(|| streams(&Both::new())).with_marked_end();
}

polywire_testkit::conformance! {
    stream server = StreamSubject::new(|| {
        let (client, server) = streams(&Both::new());
        (server, client)
    })
    .with_marked_end();
}
