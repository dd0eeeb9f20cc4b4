//! A stream under the layer, byte by byte: nothing is read too early, and nothing is in the way behind the header.

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use polywire_core::adapter::{Accepted, Info, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, Stream};
use polywire_proxy_protocol::{
    ProxiedStream, ProxyConnectConfig, ProxyHeader, ProxyInfo, ProxyListenConfig, ProxyVersion,
};

/// A stream that takes and gives a byte at a time while it is asked for the header, and notes all that is
/// asked of it.
struct Scripted {
    incoming: Mutex<Vec<u8>>,
    written: Mutex<Vec<u8>>,
    /// Whether the next call finds nothing.
    blocks: Mutex<bool>,
    /// Addresses of buffers of reads and writes.
    buffers: Mutex<Vec<usize>>,
}

impl Scripted {
    fn new(incoming: &[u8]) -> Self {
        Self {
            incoming: Mutex::new(incoming.to_vec()),
            written: Mutex::default(),
            blocks: Mutex::new(true),
            buffers: Mutex::default(),
        }
    }

    fn take_turns(&self) -> io::Result<()> {
        let mut blocks = self.blocks.lock().unwrap();
        *blocks = !*blocks;
        if *blocks { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

/// The test keeps one of the two.
struct Shared(Arc<Scripted>);

impl Stream for Shared {
    const SHORT_READ_DRAINS: bool = true;
    const SHORT_WRITE_FILLS: bool = true;

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        Ok(match so_far {
            Establishing::Connecting => Establishing::Handshaking,
            _ => Establishing::Established,
        })
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take_turns()?;
        self.0.buffers.lock().unwrap().push(buffer.as_ptr().addr());
        let mut incoming = self.0.incoming.lock().unwrap();
        let len = buffer.len().min(incoming.len()).min(1);
        buffer[..len].copy_from_slice(&incoming[..len]);
        incoming.drain(..len);
        Ok(len)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.take_turns()?;
        self.0.buffers.lock().unwrap().push(buffers[0].as_ptr().addr());
        self.0.written.lock().unwrap().push(buffers[0][0]);
        Ok(1)
    }

    fn wants_write(&self) -> bool {
        true
    }

    fn drained_by(&self, len: usize, room: usize) -> bool {
        (len, room) == (3, 5)
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        (type_id == TypeId::of::<u8>()).then(|| Arc::new(7_u8) as Info)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(([127, 0, 0, 1], 1).into())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some(([127, 0, 0, 1], 2).into())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Err(io::ErrorKind::NotConnected.into())
    }
}

/// Calls `establish` until it is, as often as there is something to do.
fn establish(stream: &impl Stream, mut so_far: Establishing) -> usize {
    for calls in 1.. {
        so_far = stream.establish(so_far).unwrap();
        if so_far == Establishing::Established {
            return calls;
        }
    }
    unreachable!("an endless loop")
}

/// What goes to the stream underneath unchanged.
fn assert_passes(stream: &impl Stream, below: &Scripted) {
    let mut buffer = [0; 8];
    below.buffers.lock().unwrap().clear();
    *below.blocks.lock().unwrap() = false;
    assert_eq!(stream.read(&mut buffer).unwrap(), 1);
    let byte = [9];
    *below.blocks.lock().unwrap() = false;
    assert_eq!(stream.write_vectored(&[IoSlice::new(&byte)]).unwrap(), 1);
    let addresses = [buffer.as_ptr().addr(), byte.as_ptr().addr()];
    assert_eq!(*below.buffers.lock().unwrap(), addresses, "the buffers are those of the caller");
    assert!(stream.wants_write() && stream.drained_by(3, 5) && !stream.drained_by(3, 6));
    assert!(stream.info(TypeId::of::<u8>()).is_some());
    assert_eq!(stream.shutdown_write().unwrap_err().kind(), io::ErrorKind::NotConnected);
}

#[test]
fn an_accepted_stream_is_the_one_underneath_once_the_header_is_read() {
    let client: SocketAddr = "192.0.2.1:7".parse().unwrap();
    let config = ProxyListenConfig::new([std::net::IpAddr::from([127, 0, 0, 1])]);
    let addr = |port| RemoteAddr::Socket(([127, 0, 0, 1], port).into());
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let header = ProxyHeader::new(client, client).encode(version).unwrap();
        let below = Arc::new(Scripted::new(&[&header[..], b"next"].concat()));
        let accepted = Accepted::new(addr(2), addr(1));
        let stream = config.accept(Shared(Arc::clone(&below)), &accepted).unwrap();
        assert_eq!(stream.peer_addr(), None);
        let calls = establish(&stream, Establishing::Handshaking);
        assert_eq!(calls, header.len() + 1, "it goes on byte by byte");
        assert_eq!(*below.incoming.lock().unwrap(), b"next");
        assert_eq!(stream.peer_addr(), Some(client));
        assert!(stream.info(TypeId::of::<ProxyInfo>()).is_some());
        assert_passes(&stream, &below);
    }
    const {
        assert!(ProxiedStream::<Shared>::SHORT_READ_DRAINS);
        assert!(ProxiedStream::<Shared>::SHORT_WRITE_FILLS);
        assert!(ProxiedStream::<Shared>::NAMES_PEER);
    }
}

#[test]
fn a_connecting_stream_is_the_one_underneath_once_the_header_is_written() {
    let below = Arc::new(Scripted::new(b"next"));
    let peer = RemoteAddr::Socket(([127, 0, 0, 1], 2).into());
    let stream = ProxyConnectConfig::default().connect(Shared(Arc::clone(&below)), &peer).unwrap();
    establish(&stream, Establishing::Connecting);
    let ends = ([127, 0, 0, 1], 1).into();
    let header = ProxyHeader::new(ends, ([127, 0, 0, 1], 2).into());
    assert_eq!(*below.written.lock().unwrap(), header.encode(ProxyVersion::V2).unwrap());
    assert_passes(&stream, &below);
}
