//! yawc on one thread of tokio: an echo server of text, compressed or not. Its settings are the defaults, and what
//! the clients ask for; it writes what is ready at once together, as its authors' server does.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use yawc::{Frame, Options, Role, WebSocket};

use crate::args::Args;
use crate::usage;
use crate::ws_handshake;

pub(crate) fn run(args: &Args) {
    let deflates = args.scenario.starts_with("deflate");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        usage::serve(listener.local_addr().expect("bound").port());
        loop {
            let (stream, _) = listener.accept().await.expect("accepts");
            tokio::spawn(echo(accept(stream, deflates)));
        }
    });
}

/// Its own handshake needs a server of hyper; by hand it is the same for all that follows.
fn accept(stream: TcpStream, deflates: bool) -> WebSocket<TcpStream> {
    let mut stream = stream.into_std().expect("a socket");
    stream.set_nodelay(true).expect("sets an option");
    stream.set_nonblocking(false).expect("sets an option");
    let shaken = match deflates {
        true => ws_handshake::accept_with_deflate(&mut stream),
        false => ws_handshake::accept(&mut stream),
    };
    shaken.expect("shakes hands");
    stream.set_nonblocking(true).expect("sets an option");
    let stream = TcpStream::from_std(stream).expect("a socket");
    let plain = Options::default();
    let (agreed, options) = match deflates {
        true => (Some(ws_handshake::DEFLATE), plain.with_balanced_compression()),
        false => (None, plain),
    };
    WebSocket::from_stream_with_extensions(stream, Role::Server, agreed, options)
        .expect("agrees to the extensions")
}

async fn echo(mut socket: WebSocket<TcpStream>) {
    let mut next = socket.next().await;
    while let Some(frame) = next {
        if socket.feed(Frame::text(frame.into_payload())).await.is_err() {
            return;
        }
        next = socket.next().now_or_never().flatten();
        if next.is_none() {
            if socket.flush().await.is_err() {
                return;
            }
            next = socket.next().await;
        }
    }
}
