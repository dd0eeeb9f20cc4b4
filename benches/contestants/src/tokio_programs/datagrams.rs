//! UDP one way.

use socket2::SockRef;
use tokio::net::UdpSocket;

use crate::args::{Args, LARGE_BUFFER};
use crate::numbered::{Checker, Source};
use crate::usage;

pub(super) async fn receive(args: &Args) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    if args.has_large_buffer() {
        SockRef::from(&socket).set_recv_buffer_size(LARGE_BUFFER).expect("sets an option");
    }
    usage::serve(socket.local_addr().expect("bound").port());
    let mut checker = Checker::lossy(args.size());
    let mut buffer = vec![0; 65536];
    let mut is_over = false;
    while !is_over {
        let len = socket.recv(&mut buffer).await.expect("receives");
        is_over = checker.message(&buffer[..len]);
    }
    checker.print();
}

pub(super) async fn send(args: &Args) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    socket.connect(args.peer()).await.expect("connects");
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    while let Some(message) = source.next() {
        socket.send(message).await.expect("sends");
    }
    source.repeat_end(|message| {
        let _ = socket.try_send(message); // The receiver may be gone by now.
    });
    source.print(cpu, 0);
}
