//! Connections that begin with a header, to listeners that expect one, and layers over layers.

mod support;

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use polywire_core::CloseReason;
use polywire_core::Endpoint;
use polywire_core::adapter::{Accepted, Info, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::network::SendStatus;
use polywire_core::node::StoredNetEvent;
use polywire_core::stream::{Establishing, Layer, NoLayer, Stream};
use polywire_proxy_protocol::{
    ProxyConnectConfig, ProxyHeader, ProxyHeaderError, ProxyInfo, ProxyVersion, tlv,
};

use support::{KINDS, Kind, Node, Over, localhost};

const VERSIONS: [ProxyVersion; 2] = [ProxyVersion::V1, ProxyVersion::V2];

fn client() -> SocketAddr {
    "[2001:db8::1]:56324".parse().unwrap()
}

fn header() -> ProxyHeader {
    ProxyHeader::new(client(), "[2001:db8::2]:443".parse().unwrap())
}

#[track_caller]
fn assert_talk((server, accepted): (&Node, Endpoint), (peer, endpoint): (&Node, Endpoint)) {
    assert_eq!(peer.network().send(endpoint, b"hello"), SendStatus::Sent);
    assert_eq!(server.message(), b"hello");
    assert_eq!(server.network().send(accepted, b"welcome"), SendStatus::Sent);
    assert_eq!(peer.message(), b"welcome");
}

#[test]
fn a_program_says_for_whom_it_connects() {
    for kind in KINDS {
        for version in VERSIONS {
            let (server, proxy) = (Node::new(), Node::new());
            let addr = server.listen(Over::new(kind, localhost()));
            let layer = ProxyConnectConfig::default().with_version(version).with_header(header());
            let endpoint = proxy.connect(Over::new(kind, layer), addr);
            assert_eq!(endpoint.addr(), addr);
            let accepted = server.accepted();
            assert_eq!(accepted.addr(), client());
            let info = server.network().info::<ProxyInfo>(accepted).unwrap();
            assert_eq!((info.header(), info.version()), (&header(), version));
            assert_talk((&server, accepted), (&proxy, endpoint));
        }
    }
}

#[test]
fn a_program_that_says_nothing_connects_for_itself() {
    for version in VERSIONS {
        let (server, peer) = (Node::new(), Node::new());
        let addr = server.listen(Over::new(Kind::Framed, localhost()));
        let layer = ProxyConnectConfig::default().with_version(version);
        let (endpoint, local) =
            peer.network().connect(Over::new(Kind::Framed, layer), addr).unwrap();
        assert!(matches!(peer.next(), StoredNetEvent::Connected(other, true) if other == endpoint));
        let accepted = server.accepted();
        assert_eq!(accepted.addr(), local);
        let info = server.network().info::<ProxyInfo>(accepted).unwrap();
        assert_eq!(info.header(), &ProxyHeader::new(local, addr));
        assert_talk((&server, accepted), (&peer, endpoint));
    }
}

#[test]
fn values_go_with_the_addresses_of_the_socket_and_can_be_passed_on() {
    let (server, proxy) = (Node::new(), Node::new());
    let addr = server.listen(Over::new(Kind::Tcp, localhost()));
    let layer = ProxyConnectConfig::default().with_tlv(tlv::ALPN, "h2").with_checksum(true);
    let mut info = Vec::new();
    proxy.connect(Over::new(Kind::Tcp, layer), addr);
    info.push(server.network().info::<ProxyInfo>(server.accepted()).unwrap());
    assert_eq!(info[0].header().alpn(), Some(&b"h2"[..]));
    assert!(info[0].header().has_checksum());

    let layer = ProxyConnectConfig::default().with_header(info[0].header().clone());
    proxy.connect(Over::new(Kind::Tcp, layer), addr);
    info.push(server.network().info::<ProxyInfo>(server.accepted()).unwrap());
    assert_eq!(info[0].header(), info[1].header());
    assert_ne!(info[0].proxy_addr(), info[1].proxy_addr());
}

#[test]
fn a_header_larger_than_a_socket_takes_at_once_arrives_whole() {
    let (server, proxy) = (Node::new(), Node::new());
    let addr = server.listen(Over::new(Kind::Tcp, localhost().with_max_header_size(1 << 17)));
    let header = header().with_tlv(0xe0, vec![7; 65_000]).with_checksum(true);
    let layer = ProxyConnectConfig::default().with_header(header.clone());
    let endpoint = proxy.connect(Over::new(Kind::Tcp, layer), addr);
    let accepted = server.accepted();
    assert_eq!(server.network().info::<ProxyInfo>(accepted).unwrap().header(), &header);
    assert_talk((&server, accepted), (&proxy, endpoint));
}

#[test]
fn a_header_that_cannot_be_said_is_an_error_of_connect() {
    let node = Node::new();
    let addr = node.listen(Over::new(Kind::Tcp, NoLayer));
    let layer = ProxyConnectConfig::default().with_tlv(tlv::ALPN, "h2");
    let layer = layer.with_version(ProxyVersion::V1);
    let error = node.network().connect(Over::new(Kind::Tcp, layer), addr).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = error.get_ref().unwrap().downcast_ref();
    assert!(matches!(error, Some(ProxyHeaderError::Unsupported(_))), "{error:?}");
}

#[test]
fn each_configuration_is_for_its_own_side() {
    let node = Node::new();
    let addr = node.listen(Over::new(Kind::Tcp, NoLayer));
    let error = node.network().connect(Over::new(Kind::Tcp, localhost()), addr).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("ProxyConnectConfig"), "{error}");
}

/// Turns every byte over, and begins with one of each side, which is a handshake that may come in pieces.
#[derive(Clone, Copy)]
struct Flip;

struct Flipped<S> {
    stream: S,
    is_greeted: std::sync::Mutex<(bool, bool)>,
}

impl<S: Stream> Layer<S> for Flip {
    type Stream = Flipped<S>;

    fn connect(&self, stream: S, _: &RemoteAddr) -> io::Result<Flipped<S>> {
        Ok(Flipped { stream, is_greeted: std::sync::Mutex::default() })
    }

    fn accept(&self, stream: S, _: &Accepted) -> io::Result<Flipped<S>> {
        Ok(Flipped { stream, is_greeted: std::sync::Mutex::default() })
    }
}

impl<S: Stream> Stream for Flipped<S> {
    const NAMES_PEER: bool = S::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.deregister(registration)
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        match self.stream.establish(so_far)? {
            Establishing::Established => {}
            further => return Ok(further),
        }
        let mut greeted = self.is_greeted.lock().unwrap();
        if !greeted.0 {
            greeted.0 = self.stream.write_vectored(&[IoSlice::new(&[!b'!'])])? == 1;
        }
        if !greeted.1 {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Establishing::Handshaking);
                }
                Ok(1) if byte == [!b'!'] => greeted.1 = true,
                _ => return Err(CloseReason::HandshakeRefused("not flipped".into()).into()),
            }
        }
        Ok(Establishing::Established)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.stream.read(buffer)?;
        buffer[..len].iter_mut().for_each(|byte| *byte = !*byte);
        Ok(len)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let flipped: Vec<u8> = buffers.iter().flat_map(|it| it.iter().map(|byte| !byte)).collect();
        self.stream.write_vectored(&[IoSlice::new(&flipped)])
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.stream.info(type_id)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}

#[test]
fn the_header_comes_before_or_inside_of_another_layer() {
    let announce = ProxyConnectConfig::default().with_header(header());
    for kind in KINDS {
        let (server, proxy) = (Node::new(), Node::new());
        let addr = server.listen(Over::new(kind, (localhost(), Flip)));
        let endpoint = proxy.connect(Over::new(kind, (announce.clone(), Flip)), addr);
        let accepted = server.accepted();
        assert_eq!(accepted.addr(), client());
        assert!(server.network().info::<ProxyInfo>(accepted).is_some());
        assert_talk((&server, accepted), (&proxy, endpoint));

        let (server, proxy) = (Node::new(), Node::new());
        let addr = server.listen(Over::new(kind, (Flip, localhost())));
        let endpoint = proxy.connect(Over::new(kind, (Flip, announce.clone())), addr);
        let accepted = server.accepted();
        assert_eq!(accepted.addr(), client());
        assert_talk((&server, accepted), (&proxy, endpoint));
    }
}

#[test]
fn the_client_counts_while_the_layer_above_shakes_hands() {
    let (server, proxy) = (Node::new(), Node::new());
    let mut listen = Over::new(Kind::Tcp, (localhost(), Flip));
    listen.limits = polywire_core::Limits::default().with_max_connections_per_ip(1);
    let addr = server.listen(listen);
    // These speak no Flip: the first stays in its handshake, and the second finds its place taken.
    let layer = ProxyConnectConfig::default().with_header(header());
    proxy.connect(Over::new(Kind::Tcp, layer.clone()), addr);
    assert_eq!(proxy.message(), [!b'!']); // The server has read the header.
    proxy.connect(Over::new(Kind::Tcp, layer), addr);
    loop {
        match proxy.next() {
            StoredNetEvent::Message(..) => {}
            event => break assert!(matches!(event, StoredNetEvent::Disconnected(_)), "{event:?}"),
        }
    }
    server.assert_silent();
    assert_eq!(server.network().stats().turned_away, 1);
}
