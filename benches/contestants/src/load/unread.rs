//! A UDP socket that nobody reads: whoever sends to it wakes nobody.

use std::net::UdpSocket;
use std::thread;

use crate::usage;

pub(super) fn run() -> ! {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    usage::serve(socket.local_addr().expect("bound").port()); // Ends the process, too.
    loop {
        thread::park();
    }
}
