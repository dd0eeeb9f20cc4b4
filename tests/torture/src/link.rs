//! The transports, in clear text or over TLS, as both sides take them.

use polywire::adapter::{Connect, Listen};
use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::tls::{TlsConnectConfig, TlsIdentity, TlsListenConfig, TlsPin};
use polywire::adapters::udp::Udp;
use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
use polywire::network::Transport;

/// The transports of the server, in the order of its addresses.
pub(crate) const TRANSPORTS: [Transport; 4] =
    [Transport::Tcp, Transport::FramedTcp, Transport::Udp, Transport::Ws];
/// Those with connections.
pub(crate) const STREAMS: [Transport; 3] = [Transport::Tcp, Transport::FramedTcp, Transport::Ws];

/// A certificate made just now, which nobody signed, and the pin by which it is known.
pub(crate) fn certificate() -> (TlsListenConfig, TlsPin) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
    let identity = TlsIdentity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let identity = identity.expect("what rcgen makes is good");
    let pin = TlsPin::of_certificate(identity.certificates()).expect("it has a key");
    (TlsListenConfig::new(identity), pin)
}

/// What listens by that transport, over TCP with that configuration.
pub(crate) fn listening(
    transport: Transport,
    tcp: TcpListenConfig,
    max_size: usize,
) -> Box<dyn Listen> {
    match transport.plain() {
        Transport::Tcp => Box::new(tcp),
        Transport::FramedTcp => {
            Box::new(FramedTcpListenConfig::default().with_tcp(tcp).with_max_message_size(max_size))
        }
        Transport::Ws => Box::new(
            WsListenConfig::default()
                .with_tcp(tcp)
                .with_max_message_size(max_size)
                .with_max_fragments(1000),
        ),
        _ => Box::new(Udp),
    }
}

/// What connects by that transport, in clear text or to whoever has that pin.
pub(crate) fn connecting(transport: Transport, pin: Option<TlsPin>) -> Box<dyn Connect> {
    let mut tcp = TcpConnectConfig::default();
    if let Some(pin) = pin {
        tcp = tcp.with_tls(TlsConnectConfig::new().with_pin(pin));
    }
    match transport.plain() {
        Transport::Tcp => Box::new(tcp),
        Transport::FramedTcp => Box::new(FramedTcpConnectConfig::default().with_tcp(tcp)),
        Transport::Ws => Box::new(WsConnectConfig::default().with_tcp(tcp)),
        _ => Box::new(Udp),
    }
}

/// Both sides of a transport within one program.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) transport: Transport,
    tls: Option<(TlsListenConfig, TlsPin)>,
}

impl Link {
    /// By that transport, over TLS if it is one of those.
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport, tls: transport.is_secure().then(certificate) }
    }

    pub(crate) fn listening(&self) -> Box<dyn Listen> {
        let mut tcp = TcpListenConfig::default();
        if let Some((tls, _)) = &self.tls {
            tcp = tcp.with_tls(tls.clone());
        }
        listening(self.transport, tcp, 64 << 20)
    }

    pub(crate) fn connecting(&self) -> Box<dyn Connect> {
        connecting(self.transport, self.tls.as_ref().map(|(_, pin)| *pin))
    }
}
