//! The accepting side: whose headers are believed.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Layer, Stream};

use crate::received::ProxiedStream;

/// The longest header of version 2 that is taken unless the configuration says otherwise: 8 KiB, which has room
/// for a client's certificate.
pub const DEFAULT_MAX_HEADER_SIZE: usize = 8 << 10;

/// A layer for listeners behind proxies: every connection begins with a header of version 1 or 2, which
/// only the allowed proxies may send.
///
/// A connection is refused with [`HandshakeRefused`](polywire_core::CloseReason::HandshakeRefused) if it comes
/// from another address, before a byte of it is read, and if its header is missing or malformed; all of these are
/// counted in [`Stats::refused`](polywire_core::network::Stats::refused). The header
/// has to come within [`Limits::handshake_timeout`](polywire_core::Limits::handshake_timeout), together with the
/// handshakes of the layers and the protocol above.
#[derive(Clone, Debug)]
pub struct ProxyListenConfig {
    allowed: Arc<[IpNet]>,
    /// The longest header of version 2 that is taken, in bytes; one of version 1 has at most 107. Memory
    /// grows with what has come of it. Default: [`DEFAULT_MAX_HEADER_SIZE`].
    pub max_header_size: usize,
}

impl ProxyListenConfig {
    /// Believes proxies whose addresses are in one of the networks, and refuses everybody else. An IPv4 address
    /// and the same one mapped into IPv6 are one.
    ///
    /// Allow nobody who is not a proxy: whoever is allowed can claim any address.
    ///
    /// ```
    /// use polywire_proxy_protocol::{IpNet, ProxyListenConfig};
    ///
    /// let proxies: [IpNet; 2] = ["10.0.0.0/8".parse()?, "fd00::/8".parse()?];
    /// let _ = ProxyListenConfig::new(proxies);
    /// let _ = ProxyListenConfig::new(["127.0.0.1".parse::<std::net::IpAddr>()?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(allowed: impl IntoIterator<Item = impl Into<IpNet>>) -> Self {
        let allowed = allowed.into_iter().map(Into::into).collect();
        Self { allowed, max_header_size: DEFAULT_MAX_HEADER_SIZE }
    }

    /// Sets [`Self::max_header_size`].
    #[must_use]
    pub fn with_max_header_size(mut self, bytes: usize) -> Self {
        self.max_header_size = bytes;
        self
    }

    /// Whether headers from that address are believed.
    pub fn is_allowed(&self, proxy: IpAddr) -> bool {
        let ip = proxy.to_canonical();
        self.allowed.iter().any(|network| network.contains(&ip) || contains_mapped(network, ip))
    }
}

/// Whether the network is written with IPv4 addresses mapped into IPv6 (`::ffff:0:0/96`), and that one is in it.
/// A larger one of IPv6 means IPv6 alone.
fn contains_mapped(network: &IpNet, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) if network.prefix_len() >= 96 => {
            network.contains(&IpAddr::V6(ip.to_ipv6_mapped()))
        }
        _ => false,
    }
}

impl<S: Stream> Layer<S> for ProxyListenConfig {
    type Stream = ProxiedStream<S>;

    /// Always an error: [`ProxyConnectConfig`](crate::ProxyConnectConfig) is for this side.
    fn connect(&self, _: S, _: &RemoteAddr) -> io::Result<ProxiedStream<S>> {
        let text = "ProxyListenConfig is for listeners: connect with ProxyConnectConfig";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    fn accept(&self, stream: S, accepted: &Accepted) -> io::Result<ProxiedStream<S>> {
        let peer = &accepted.peer;
        let proxy = peer.is_socket_addr().then(|| *peer.socket_addr());
        let is_allowed = proxy.is_some_and(|proxy| self.is_allowed(proxy.ip()));
        Ok(ProxiedStream::new(stream, proxy, is_allowed.then_some(self.max_header_size)))
    }
}
