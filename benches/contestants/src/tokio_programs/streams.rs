//! The kinds of connections, and how they come to be.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use futures_util::{SinkExt, StreamExt};

use crate::args::Args;
use crate::tls;

pub(super) enum Conn {
    Tcp(TcpStream, Vec<u8>),
    Framed(Framed<TcpStream, LengthDelimitedCodec>),
    Ws(Box<WebSocketStream<TcpStream>>),
    FramedTls(Box<Framed<TlsStream<TcpStream>, LengthDelimitedCodec>>),
    Wss(Box<WebSocketStream<TlsStream<TcpStream>>>),
}

/// How connections are accepted. Cheap to clone.
#[derive(Clone)]
pub(super) struct Acceptor {
    transport: Arc<str>,
    tls: Option<TlsAcceptor>,
}

pub(super) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

pub(super) fn framed<S: AsyncRead + AsyncWrite>(stream: S) -> Framed<S, LengthDelimitedCodec> {
    Framed::new(stream, LengthDelimitedCodec::new())
}

impl Acceptor {
    pub(super) fn new(args: &Args) -> Self {
        let tls = args.has_tls().then(|| TlsAcceptor::from(tls::server()));
        Self { transport: args.transport().into(), tls }
    }

    /// Shakes hands; `None` if the peer went meanwhile.
    pub(super) async fn accept(self, stream: TcpStream) -> Option<Conn> {
        stream.set_nodelay(true).expect("sets an option");
        Some(match (&*self.transport, self.tls) {
            ("tcp", _) => Conn::Tcp(stream, vec![0; 256 << 10]),
            ("framed", None) => Conn::Framed(framed(stream)),
            ("framed", Some(tls)) => {
                Conn::FramedTls(Box::new(framed(tls.accept(stream).await.ok()?.into())))
            }
            (_, None) => Conn::Ws(Box::new(accept_async(stream).await.ok()?)),
            (_, Some(tls)) => {
                let stream = tls.accept(stream).await.ok()?.into();
                Conn::Wss(Box::new(accept_async(stream).await.ok()?))
            }
        })
    }
}

impl Conn {
    pub(super) async fn connect(args: &Args, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        stream.set_nodelay(true).expect("sets an option");
        match (args.transport(), args.has_tls()) {
            ("framed", true) => {
                let connector = TlsConnector::from(tls::client(false));
                let stream = connector.connect(tls::name(), stream).await.expect("shakes hands");
                Self::FramedTls(Box::new(framed(stream.into())))
            }
            (_, true) => panic!("no scenario has it"),
            ("ws", false) => {
                let shaken = client_async("ws://127.0.0.1/", stream).await;
                Self::Ws(Box::new(shaken.expect("shakes hands").0))
            }
            _ => Acceptor::new(args).accept(stream).await.expect("nobody shakes hands"),
        }
    }

    /// The next message, or what bytes there are; `None` once the peer has gone.
    pub(super) async fn receive(&mut self) -> Option<Bytes> {
        let message = match self {
            Self::Tcp(stream, buffer) => {
                return match stream.read(buffer).await {
                    Ok(len @ 1..) => Some(Bytes::copy_from_slice(&buffer[..len])),
                    _ => None,
                };
            }
            Self::Framed(framed) => return Some(framed.next().await?.ok()?.freeze()),
            Self::FramedTls(framed) => return Some(framed.next().await?.ok()?.freeze()),
            Self::Ws(socket) => socket.next().await?.ok()?,
            Self::Wss(socket) => socket.next().await?.ok()?,
        };
        match message {
            Message::Binary(message) => Some(message),
            _ => None,
        }
    }

    pub(super) async fn send(&mut self, message: Bytes) {
        let sent = match self {
            Self::Tcp(stream, _) => stream.write_all(&message).await.is_ok(),
            Self::Framed(framed) => framed.send(message).await.is_ok(),
            Self::FramedTls(framed) => framed.send(message).await.is_ok(),
            Self::Ws(socket) => socket.send(Message::Binary(message)).await.is_ok(),
            Self::Wss(socket) => socket.send(Message::Binary(message)).await.is_ok(),
        };
        assert!(sent, "the peer lives");
    }

    /// Leaves it to the library when to write.
    pub(super) async fn feed(&mut self, message: Bytes) {
        let sent = match self {
            Self::Tcp(stream, _) => stream.write_all(&message).await.is_ok(),
            Self::Framed(framed) => framed.feed(message).await.is_ok(),
            Self::FramedTls(framed) => framed.feed(message).await.is_ok(),
            Self::Ws(socket) => socket.feed(Message::Binary(message)).await.is_ok(),
            Self::Wss(socket) => socket.feed(Message::Binary(message)).await.is_ok(),
        };
        assert!(sent, "the peer lives");
    }

    pub(super) async fn flush(&mut self) {
        let flushed = match self {
            Self::Tcp(stream, _) => stream.flush().await.is_ok(),
            Self::Framed(framed) => SinkExt::<Bytes>::flush(framed).await.is_ok(),
            Self::FramedTls(framed) => SinkExt::<Bytes>::flush(&mut **framed).await.is_ok(),
            Self::Ws(socket) => socket.flush().await.is_ok(),
            Self::Wss(socket) => socket.flush().await.is_ok(),
        };
        assert!(flushed, "the peer lives");
    }

    /// Over TLS, says goodbye.
    pub(super) async fn close(mut self) {
        let _ = match &mut self {
            Self::FramedTls(framed) => framed.get_mut().shutdown().await,
            Self::Wss(socket) => socket.get_mut().shutdown().await,
            _ => Ok(()),
        };
    }
}
