//! Peers that know nothing of polywire: plain sockets and bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use polywire::network::Transport as Library;
use socket2::{Domain, SockRef, Socket, Type};

use super::{ANY_PORT, DEADLINE, RawStream, Transport};

/// The request of RFC 6455 section 1.2.
pub const UPGRADE: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// First bytes of whole WebSocket frames.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;

/// Those in clear text. Over TLS, too, they are [`Transport::STREAMS`] and so on.
pub const STREAMS: [Library; 3] = [Library::Tcp, Library::FramedTcp, Library::Ws];
pub const MESSAGE_STREAMS: [Library; 2] = [Library::FramedTcp, Library::Ws];

/// A socket connected to `addr`, whose small writes leave at once.
pub fn connect(addr: SocketAddr) -> TcpStream {
    ready(TcpStream::connect(addr).unwrap())
}

/// As `connect`, from that loopback address.
pub fn connect_from(ip: [u8; 4], addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    socket.connect(&addr.into()).unwrap();
    ready(socket.into())
}

/// The socket, with what every peer of a test needs.
pub fn ready(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// As `connect`, with the handshake of the transport done, which is in clear text.
pub fn open(transport: Library, addr: SocketAddr) -> TcpStream {
    let mut stream = connect(addr);
    upgrade(transport, &mut stream);
    stream
}

/// As `open`, over TLS if the transport is.
pub fn open_any(transport: Transport, addr: SocketAddr) -> RawStream {
    shake_hands(transport, connect(addr))
}

/// Does the handshakes of the transport on a socket that is connected.
pub fn shake_hands(transport: Transport, socket: TcpStream) -> RawStream {
    let mut stream = begin(transport, socket);
    stream.flush().unwrap(); // The handshake of TLS, if there is one.
    upgrade(transport.plain().library(), &mut stream);
    stream
}

/// The socket, with nothing said yet.
pub fn begin(transport: Transport, socket: TcpStream) -> RawStream {
    #[cfg(feature = "__tls")]
    if transport.is_secure() {
        return RawStream::secure(socket);
    }
    _ = transport;
    RawStream::plain(socket)
}

fn upgrade(transport: Library, stream: &mut (impl Read + Write)) {
    if transport == Library::Ws {
        stream.write_all(UPGRADE).unwrap();
        let head = read_head(stream);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }
}

/// A message as a client of the transport writes it.
pub fn frame(transport: impl Into<Transport>, message: &[u8]) -> Vec<u8> {
    match transport.into().plain() {
        Transport::FramedTcp => [&varint(message.len() as u64)[..], message].concat(),
        Transport::Ws => ws_frame(BINARY, message),
        _ => message.to_vec(),
    }
}

pub fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A client's frame of at most 65,535 bytes.
pub fn ws_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    let key = [0x37, 0xfa, 0x21, 0x3d];
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

pub fn ws_close(code: u16, text: &str) -> Vec<u8> {
    ws_frame(CLOSE, &[&code.to_be_bytes()[..], text.as_bytes()].concat())
}

/// Reads an HTTP head, byte by byte so that nothing behind it is taken.
pub fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an HTTP head");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Reads a server's frame: its first byte and its payload.
pub fn read_ws_frame(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let [first, len] = read_array(stream);
    let len = match len {
        0..=125 => usize::from(len),
        126 => usize::from(u16::from_be_bytes(read_array(stream))),
        _ => panic!("a frame that is masked or too long for these tests: {len}"),
    };
    (first, read_exactly(stream, len))
}

/// Reads a whole message of the transport.
pub fn read_message(transport: impl Into<Transport>, stream: &mut impl Read) -> Vec<u8> {
    match transport.into().plain() {
        Transport::FramedTcp => {
            let mut len = 0;
            for shift in (0..).step_by(7) {
                let [byte] = read_array(stream);
                len |= usize::from(byte & 0x7F) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            read_exactly(stream, len)
        }
        Transport::Ws => {
            let (first, payload) = read_ws_frame(stream);
            assert_eq!(first, BINARY);
            payload
        }
        other => panic!("{other} has no messages"),
    }
}

pub fn read_exactly(stream: &mut impl Read, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).expect("as many bytes as announced");
    bytes
}

fn read_array<const LEN: usize>(stream: &mut impl Read) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    stream.read_exact(&mut bytes).expect("a frame's head");
    bytes
}

/// Reads until the stream is over, one way or the other.
pub fn read_to_the_end(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it does not end"),
        _ => bytes,
    }
}

/// Closes the socket by a reset.
pub fn reset(stream: impl Into<RawStream>) {
    let stream = stream.into();
    SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// An address at which nobody listens, as long as the socket lives.
pub fn refusing() -> (Socket, SocketAddr) {
    bound(ANY_PORT.parse().unwrap()).unwrap()
}

fn bound(addr: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&addr.into())?;
    let addr = socket.local_addr()?.as_socket().unwrap();
    Ok((socket, addr))
}

/// An address that does not answer: its queue of connections not accepted is full.
pub struct Unanswering {
    pub addr: SocketAddr,
    _listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl Unanswering {
    pub fn new() -> Self {
        Self::at(ANY_PORT.parse().unwrap()).unwrap()
    }

    pub fn at(addr: SocketAddr) -> io::Result<Self> {
        let (listener, addr) = bound(addr)?;
        listener.listen(0)?;
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
            waiting.push(stream);
        }
        Ok(Self { addr, _listener: listener, _waiting: waiting })
    }
}

/// A server of one connection, in clear text, handled by `serve` on a thread of its own.
pub fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(ready(listener.accept().unwrap().0)));
    addr
}
