//! Peers that are no nodes: sockets of std that speak a transport by hand.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use polywire::util::encoding::{MAX_ENCODED_SIZE, decode_size, encode_size};
use socket2::{Domain, SockRef, Socket, Type};

use super::raw_stream::RawStream;
use super::{DEADLINE, Transport};

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The bytes by which a client of the transport sends a message.
pub fn frame(transport: Transport, message: &[u8]) -> Vec<u8> {
    match transport.plain() {
        Transport::FramedTcp => {
            [encode_size(message, &mut [0; MAX_ENCODED_SIZE]), message].concat()
        }
        Transport::Ws => {
            let mut frame = vec![0x82];
            match message.len() {
                len @ 0..=125 => frame.push(0x80 | len as u8),
                len @ 126..=0xFFFF => {
                    frame.push(0x80 | 126);
                    frame.extend_from_slice(&(len as u16).to_be_bytes());
                }
                len => {
                    frame.push(0x80 | 127);
                    frame.extend_from_slice(&(len as u64).to_be_bytes());
                }
            }
            frame.extend_from_slice(&[0; 4]); // A mask that changes nothing.
            frame.extend_from_slice(message);
            frame
        }
        _ => message.to_vec(),
    }
}

/// Bytes without a pattern, the same for the same seed, which must not be 0.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_ne_bytes()); // Eight a step: builds without optimizations are slow.
    }
    bytes.truncate(len);
    bytes
}

/// A client made of a blocking socket. Its reads and writes fail after the deadline.
pub struct RawPeer {
    pub stream: RawStream,
    transport: Transport,
}

/// What a peer had to say until its end.
pub struct End {
    /// The messages, one behind the other.
    pub payload: Vec<u8>,
    /// The code of its Close frame (WebSocket only).
    pub close_code: Option<u16>,
}

impl RawPeer {
    /// Connects and shakes hands.
    pub fn connect(transport: Transport, addr: SocketAddr) -> Self {
        let mut peer = Self::connect_with(transport, addr, b"");
        peer.finish_handshake();
        peer
    }

    /// Connects and sends the handshake together with `more`, in one segment if it fits.
    pub fn connect_with(transport: Transport, addr: SocketAddr, more: &[u8]) -> Self {
        let mut peer = Self::open(transport, addr);
        peer.stream.write_all(&[Self::handshake(transport), more].concat()).unwrap();
        peer
    }

    /// Connects the socket and says nothing.
    pub fn open(transport: Transport, addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        #[cfg(feature = "__tls")]
        if transport.is_secure() {
            return Self { stream: RawStream::secure(stream), transport };
        }
        Self { stream: RawStream::plain(stream), transport }
    }

    /// What a client of the transport says first.
    pub fn handshake(transport: Transport) -> &'static [u8] {
        if transport.plain() == Transport::Ws { UPGRADE } else { b"" }
    }

    /// Reads the answer to the handshake, and not a byte more.
    pub fn finish_handshake(&mut self) {
        self.stream.flush().unwrap(); // The handshake of TLS, if there is one.
        let mut answer = Vec::new();
        while self.transport.plain() == Transport::Ws && !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 101"), "{answer}");
    }

    pub fn addr(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub fn send(&mut self, message: &[u8]) {
        self.stream.write_all(&frame(self.transport, message)).unwrap();
    }

    /// Waits for one message of a few bytes.
    pub fn read_small(&mut self, len: usize) -> Vec<u8> {
        let header = match self.transport.plain() {
            Transport::FramedTcp => 1,
            Transport::Ws => 2,
            _ => 0,
        };
        let mut frame = vec![0; header + len];
        self.stream.read_exact(&mut frame).unwrap();
        frame.split_off(header)
    }

    /// Reads until the peer ends the stream, in pieces of `piece` bytes, and fails if it is reset.
    pub fn read_to_end(mut self, piece: usize) -> End {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; piece];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => bytes.extend_from_slice(&buffer[..len]),
                Err(error) => panic!("{error} after {} bytes", bytes.len()),
            }
        }
        parse(self.transport.plain(), &bytes)
    }

    /// Ends the sending side.
    pub fn finish(&mut self) {
        self.stream.finish().unwrap();
    }

    /// Resets the connection.
    pub fn reset(self) {
        SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Takes apart what a server of the transport said.
fn parse(transport: Transport, mut bytes: &[u8]) -> End {
    let mut end = End { payload: Vec::new(), close_code: None };
    while !bytes.is_empty() {
        assert_eq!(end.close_code, None, "bytes behind the Close frame");
        let (start, len) = match transport {
            Transport::FramedTcp => {
                let (len, start) = decode_size(bytes).expect("a length");
                (start, len)
            }
            Transport::Ws => ws_header(bytes),
            _ => (0, bytes.len()),
        };
        let body = &bytes[start..start + len];
        match (transport, bytes[0]) {
            (Transport::Ws, 0x88) => {
                end.close_code = Some(u16::from_be_bytes([body[0], body[1]]));
            }
            (Transport::Ws, first) if first != 0x82 => panic!("a frame of kind {first:#x}"),
            _ => end.payload.extend_from_slice(body),
        }
        bytes = &bytes[start + len..];
    }
    end
}

/// Where the payload of a frame without mask begins, and how long it is.
fn ws_header(bytes: &[u8]) -> (usize, usize) {
    match bytes[1] {
        126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        127 => (10, u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize),
        len => (2, usize::from(len)),
    }
}

/// A port of this machine that nobody listens on, and that nobody else gets meanwhile.
pub struct ClosedPort {
    pub addr: SocketAddr,
    _socket: Socket,
}

impl ClosedPort {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        Self { addr, _socket: socket }
    }
}

/// A client on a thread of its own that sends messages as fast as they are taken, until the other
/// side ends it. Dropping it ends it too.
pub struct Flood {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<io::Error>>>,
}

impl Flood {
    pub fn start(transport: Transport, addr: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            if transport.is_connection_oriented() {
                let mut peer = RawPeer::connect(transport, addr);
                let batch = frame(transport, &[7; 100]).repeat(100);
                repeat(&is_over, || peer.stream.write_all(&batch))
            } else {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(addr).unwrap();
                repeat(&is_over, || socket.send(&[7; 100]).map(drop))
            }
        });
        Self { over, thread: Some(thread) }
    }

    /// Makes it end soon. Many that are dropped one by one take the CPU from each other until the last is.
    pub fn end_soon(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Waits for the end that the other side makes.
    pub fn wait_for_end(mut self) {
        let error = self.thread.take().unwrap().join().unwrap().unwrap();
        assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "nobody ended the connection");
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.end_soon();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn repeat(over: &AtomicBool, mut write: impl FnMut() -> io::Result<()>) -> Option<io::Error> {
    while !over.load(Ordering::Relaxed) {
        if let Err(error) = write() {
            return Some(error);
        }
    }
    None
}
