//! The socket keeps the rules of its trait.
#![cfg(unix)]

use std::os::unix::net::UnixStream;

use polywire_testkit::conformance::StreamSubject;
use polywire_unix::UnixSocket;

fn sockets() -> (UnixSocket, UnixSocket) {
    let (one, other) = UnixStream::pair().unwrap();
    (UnixSocket::from_std(one).unwrap(), UnixSocket::from_std(other).unwrap())
}

polywire_testkit::conformance! {
    stream socket = StreamSubject::new(sockets);
}
