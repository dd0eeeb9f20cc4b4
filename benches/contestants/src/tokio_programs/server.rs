//! Servers: one that answers with the same, one that tells everybody.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::broadcast;
use tokio_tungstenite::accept_async;
use tokio_util::bytes::Bytes;

use super::streams::{Acceptor, framed, listen};
use crate::args::Args;
use crate::usage;
use crate::work::{Ticks, Work};

pub(super) async fn echo(args: &Args) {
    if args.transport() == "udp" {
        return echo_datagrams().await;
    }
    let (listener, port) = listen().await;
    usage::serve(port);
    let work = Work::new(args);
    if work.is_some() {
        tokio::spawn(tick());
    }
    let (acceptor, flushes_each) = (Acceptor::new(args), args.contestant.ends_with("-send"));
    loop {
        let (stream, _) = listener.accept().await.expect("accepts");
        if args.transport() == "ws-text" {
            tokio::spawn(echo_text(stream));
            continue;
        }
        let (acceptor, replies) = (acceptor.clone(), args.replies());
        tokio::spawn(async move {
            let Some(mut conn) = acceptor.accept(stream).await else { return };
            let mut next = conn.receive().await;
            while let Some(message) = next {
                work.iter().for_each(|work| work.work_for(&message));
                for _ in 1..replies {
                    conn.feed(message.clone()).await;
                }
                conn.feed(message).await;
                // What came along with it is answered along with it, unless each answer leaves at once.
                let along = if flushes_each { None } else { conn.receive().now_or_never() };
                next = match along {
                    Some(next) => next,
                    None => {
                        conn.flush().await;
                        conn.receive().await
                    }
                };
            }
            conn.close().await;
        });
    }
}

/// Gives each message back as it came, so that its text is not looked at again.
async fn echo_text(stream: TcpStream) {
    stream.set_nodelay(true).expect("sets an option");
    let Ok(mut socket) = accept_async(stream).await else { return };
    let mut next = socket.next().await;
    while let Some(Ok(message)) = next {
        if socket.feed(message).await.is_err() {
            return;
        }
        next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                if socket.flush().await.is_err() {
                    return;
                }
                socket.next().await
            }
        };
    }
}

async fn tick() {
    let mut ticks = Ticks::new();
    loop {
        tokio::time::sleep(ticks.left()).await;
        ticks.look();
    }
}

async fn echo_datagrams() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    usage::serve(socket.local_addr().expect("bound").port());
    let mut buffer = vec![0; 65536];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await.expect("receives");
        let _ = socket.send_to(&buffer[..len], from).await; // A datagram may be lost.
    }
}

/// A channel that all connections listen to: how tokio's own example does it.
pub(super) async fn chat(args: &Args) {
    let replies = args.replies();
    let (listener, port) = listen().await;
    usage::serve(port);
    let (say, _) = broadcast::channel::<Bytes>(64);
    loop {
        let (stream, _) = listener.accept().await.expect("accepts");
        stream.set_nodelay(true).expect("sets an option");
        let (say, mut heard) = (say.clone(), say.subscribe());
        tokio::spawn(async move {
            let mut framed = framed(stream);
            loop {
                tokio::select! {
                    said = framed.next() => {
                        let Some(Ok(message)) = said else { return };
                        let message = message.freeze();
                        (0..replies).for_each(|_| drop(say.send(message.clone())));
                    }
                    message = heard.recv() => {
                        let mut next = Ok(message.expect("nobody is left behind"));
                        while let Ok(message) = next {
                            if framed.feed(message).await.is_err() {
                                return;
                            }
                            next = heard.try_recv();
                        }
                        if SinkExt::<Bytes>::flush(&mut framed).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
    }
}
