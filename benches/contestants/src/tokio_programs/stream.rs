//! One way: `feed` leaves it to the codec when to write.

use super::streams::{Acceptor, Conn, listen};
use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::usage;
use tokio_util::bytes::Bytes;

pub(super) async fn receive(args: &Args) {
    let (listener, port) = listen().await;
    usage::serve(port);
    let (stream, _) = listener.accept().await.expect("accepts");
    let mut conn = Acceptor::new(args).accept(stream).await.expect("shakes hands");
    let mut checker = Checker::new(args.size());
    let is_stream = args.transport() == "tcp";
    let mut is_over = false;
    while !is_over {
        let message = conn.receive().await.expect("the sender waits for the end");
        is_over = if is_stream { checker.bytes(&message) } else { checker.message(&message) };
    }
    conn.close().await;
    checker.print();
}

pub(super) async fn send(args: &Args) {
    let mut conn = Conn::connect(args, args.number("port")).await;
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    while let Some(message) = source.next() {
        conn.feed(Bytes::copy_from_slice(message)).await;
    }
    conn.flush().await;
    while conn.receive().await.is_some() {} // Until the receiver closes.
    source.print(cpu, 0);
}
