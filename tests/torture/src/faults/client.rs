//! What a script has at hand: its choices, and sockets without manners.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use polywire::network::Transport;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, SockRef, Socket, Type};

use super::frames;
use super::shared::{Permit, Shared, Tally};
use super::tls;
use crate::link::{STREAMS, TRANSPORTS};
use crate::random::Random;

/// How long a blocking call of a client takes at most.
const CALL_TIMEOUT: Duration = Duration::from_millis(300);

/// The address that the clients of a kind connect from: by it the server tells them apart.
pub(crate) fn source_of(kind: usize) -> IpAddr {
    IpAddr::from([127, 0, 1, kind as u8 + 1])
}

/// One fault client.
pub(crate) struct Client<'a> {
    pub(crate) random: Random,
    shared: &'a Shared,
    kind: usize,
    until: Instant,
}

impl<'a> Client<'a> {
    pub(crate) fn new(shared: &'a Shared, kind: usize, random: Random, until: Instant) -> Self {
        Self { random, shared, kind, until }
    }

    /// Whether the run is over: scripts end early then.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Waits for a random time of `low..=high` milliseconds, or until the run is over.
    pub(crate) fn pause(&mut self, low: u64, high: u64) {
        let pause = Duration::from_millis(self.random.range(low, high));
        thread::sleep(pause.min(self.time_left()));
    }

    /// Until the run is over.
    pub(crate) fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// One of the transports with connections.
    pub(crate) fn any_stream(&mut self) -> Transport {
        self.random.pick(&STREAMS)
    }

    /// Connects and says nothing. `None` if that fails, or if there are sockets enough.
    pub(crate) fn open(&mut self, transport: Transport) -> Option<Peer<'a>> {
        let permit = Permit::take(self.shared)?;
        let connect = || -> io::Result<TcpStream> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddr::new(source_of(self.kind), 0).into())?;
            socket.connect_timeout(&self.addr(transport).into(), CALL_TIMEOUT)?;
            socket.set_tcp_nodelay(true)?;
            socket.set_read_timeout(Some(CALL_TIMEOUT))?;
            socket.set_write_timeout(Some(CALL_TIMEOUT))?;
            Ok(socket.into())
        };
        let tally = self.shared.tally(self.kind);
        let Ok(stream) = connect() else {
            tally.failed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        tally.opened.fetch_add(1, Ordering::Relaxed);
        Some(Peer { stream, tls: None, transport, tally, _permit: permit })
    }

    /// Connects and shakes hands.
    pub(crate) fn connect(&mut self, transport: Transport) -> Option<Peer<'a>> {
        let mut peer = self.open(transport)?;
        if let Some(config) = &self.shared.tls {
            peer.tls = Some(tls::connect(config, &mut peer.stream).ok()?);
        }
        let ready = transport != Transport::Ws
            || (peer.send(frames::UPGRADE) && peer.skip_answer().is_ok());
        ready.then_some(peer)
    }

    /// What a client says first to a server that speaks TLS.
    pub(crate) fn greeting(&self) -> Option<Vec<u8>> {
        let name = ServerName::try_from("localhost").ok()?;
        let config = Arc::clone(self.shared.tls.as_ref()?);
        let mut greeting = Vec::new();
        ClientConnection::new(config, name).ok()?.write_tls(&mut greeting).ok()?;
        Some(greeting)
    }

    /// Whether each message is answered before anything else happens on its connection.
    pub(crate) fn is_answered_at_once(&self) -> bool {
        !self.shared.way.waits_for_slow_ones()
    }

    /// The server owes this client something and did not give it.
    pub(crate) fn note_violation(&self, text: String) {
        self.shared.violations().push(text);
    }

    /// A datagram socket towards the server.
    pub(crate) fn datagrams(&mut self) -> Option<Datagrams> {
        let socket = UdpSocket::bind((source_of(self.kind), 0)).ok()?;
        socket.connect(self.addr(Transport::Udp)).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Datagrams { socket })
    }

    fn addr(&self, transport: Transport) -> SocketAddr {
        let at = TRANSPORTS.iter().position(|known| *known == transport).unwrap_or_default();
        self.shared.addrs[at]
    }
}

/// A connection to the server.
pub(crate) struct Peer<'a> {
    stream: TcpStream,
    /// Once hands were shaken.
    tls: Option<ClientConnection>,
    pub(crate) transport: Transport,
    tally: &'a Tally,
    _permit: Permit<'a>,
}

impl Peer<'_> {
    /// Writes all the bytes; whether that went well. The server may have ended the connection, or
    /// read nothing for long.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.tls {
            Some(tls) => tls::over(tls, &mut self.stream).write_all(bytes).is_ok(),
            None => self.send_raw(bytes),
        }
    }

    /// The same past TLS.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Reads as [`Read::read`] does.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls::over(tls, &mut self.stream).read(buffer),
            None => self.stream.read(buffer),
        }
    }

    /// Sends one message as a good client would.
    pub(crate) fn send_message(&mut self, message: &[u8]) -> bool {
        self.send(&frames::frame(self.transport, message))
    }

    /// Reads what is there, for one read.
    pub(crate) fn read_some(&mut self) -> io::Result<usize> {
        self.read(&mut [0; 4096])
    }

    /// Reads until the server ends the connection, at most that long; how many bytes came before
    /// an end that was no reset.
    pub(crate) fn wait_for_end(&mut self, patience: Duration) -> Option<usize> {
        let (deadline, mut read) = (Instant::now() + patience, 0);
        while Instant::now() < deadline {
            match self.read_some() {
                Ok(0) => {
                    self.tally.closed.fetch_add(1, Ordering::Relaxed);
                    return Some(read);
                }
                Ok(len) => read += len,
                Err(error) if is_timeout(&error) => {}
                Err(_) => {
                    self.tally.reset.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
            }
        }
        None
    }

    /// Ends the sending side.
    pub(crate) fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.stream);
        }
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Reads the answer to the handshake, and not a byte more.
    fn skip_answer(&mut self) -> io::Result<()> {
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            if self.read(&mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.push(byte[0]);
        }
        Ok(())
    }
}

/// A UDP socket connected to the server.
pub(crate) struct Datagrams {
    socket: UdpSocket,
}

impl Datagrams {
    pub(crate) fn send(&self, datagram: &[u8]) {
        let _ = self.socket.send(datagram);
    }

    /// Reads one datagram, if there is one.
    pub(crate) fn skip_one(&self) {
        let _ = self.socket.recv(&mut [0; 2048]);
    }
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
