//! Plain threads send to many connections in turn: a channel each, and a task that writes what has come.

use std::thread;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use crate::args::Args;
use crate::spread::Spread;
use crate::wire::Wire;

/// Messages that a channel holds.
const ROOM: usize = 8192;
/// Messages that one write takes.
const BATCH: usize = 512;

pub(super) async fn run(args: &Args) {
    let wire = Wire::client(args.transport(), args.size());
    let (mut channels, mut tasks) = (Vec::new(), Vec::new());
    for _ in 0..args.number::<usize>("conns") {
        let stream = TcpStream::connect(args.peer()).await.expect("the receiver listens");
        stream.set_nodelay(true).expect("sets an option");
        let (sender, receiver) = mpsc::channel(ROOM);
        channels.push(sender);
        tasks.push(tokio::spawn(write(stream, receiver, wire)));
    }
    let spread = Spread::begin();
    let (tell, told) = tokio::sync::oneshot::channel();
    let args = args.clone();
    thread::spawn(move || {
        let send = || {
            let channels = channels.clone();
            move |conn: usize, message: &[u8]| {
                let sending = channels[conn].blocking_send(Bytes::copy_from_slice(message));
                sending.expect("the task runs");
            }
        };
        let _ = tell.send(Spread::send_all(&args, send));
    });
    let sent = told.await.expect("all is sent");
    for task in tasks {
        task.await.expect("writes");
    }
    spread.print(sent);
}

async fn write(mut stream: TcpStream, mut receiver: mpsc::Receiver<Bytes>, wire: Wire) {
    let (mut batch, mut out) = (Vec::with_capacity(BATCH), Vec::new());
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        out.clear();
        batch.drain(..).for_each(|message| wire.push(&message, &mut out));
        stream.write_all(&out).await.expect("the receiver reads");
    }
}
