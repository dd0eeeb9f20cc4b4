//! The three kinds of connections, and how they come to be.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use futures_util::{SinkExt, StreamExt};

pub(super) enum Conn {
    Tcp(TcpStream, Vec<u8>),
    Framed(Framed<TcpStream, LengthDelimitedCodec>),
    Ws(Box<WebSocketStream<TcpStream>>),
}

pub(super) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

pub(super) fn framed(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    Framed::new(stream, LengthDelimitedCodec::new())
}

impl Conn {
    pub(super) async fn accepted(stream: TcpStream, transport: &str) -> Self {
        stream.set_nodelay(true).expect("sets an option");
        match transport {
            "tcp" => Self::Tcp(stream, vec![0; 256 << 10]),
            "framed" => Self::Framed(framed(stream)),
            _ => Self::Ws(Box::new(
                tokio_tungstenite::accept_async(stream).await.expect("shakes hands"),
            )),
        }
    }

    pub(super) async fn connect(port: u16, transport: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        stream.set_nodelay(true).expect("sets an option");
        match transport {
            "ws" => {
                let shaken = tokio_tungstenite::client_async("ws://127.0.0.1/", stream).await;
                Self::Ws(Box::new(shaken.expect("shakes hands").0))
            }
            _ => Self::accepted(stream, transport).await,
        }
    }

    /// The next message, or what bytes there are; `None` once the peer has gone.
    pub(super) async fn receive(&mut self) -> Option<Bytes> {
        match self {
            Self::Tcp(stream, buffer) => match stream.read(buffer).await {
                Ok(len @ 1..) => Some(Bytes::copy_from_slice(&buffer[..len])),
                _ => None,
            },
            Self::Framed(framed) => Some(framed.next().await?.ok()?.freeze()),
            Self::Ws(socket) => match socket.next().await?.ok()? {
                Message::Binary(message) => Some(message),
                _ => None,
            },
        }
    }

    pub(super) async fn send(&mut self, message: Bytes) {
        let sent = match self {
            Self::Tcp(stream, _) => stream.write_all(&message).await.is_ok(),
            Self::Framed(framed) => framed.send(message).await.is_ok(),
            Self::Ws(socket) => socket.send(Message::Binary(message)).await.is_ok(),
        };
        assert!(sent, "the peer lives");
    }

    /// Leaves it to the library when to write.
    pub(super) async fn feed(&mut self, message: Bytes) {
        let sent = match self {
            Self::Tcp(stream, _) => stream.write_all(&message).await.is_ok(),
            Self::Framed(framed) => framed.feed(message).await.is_ok(),
            Self::Ws(socket) => socket.feed(Message::Binary(message)).await.is_ok(),
        };
        assert!(sent, "the peer lives");
    }

    pub(super) async fn flush(&mut self) {
        let flushed = match self {
            Self::Tcp(stream, _) => stream.flush().await.is_ok(),
            Self::Framed(framed) => SinkExt::<Bytes>::flush(framed).await.is_ok(),
            Self::Ws(socket) => socket.flush().await.is_ok(),
        };
        assert!(flushed, "the peer lives");
    }
}
