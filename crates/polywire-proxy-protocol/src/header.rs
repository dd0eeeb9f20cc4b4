//! What a header says.

use std::net::SocketAddr;

use crate::address::ProxyAddr;
use crate::ssl::ProxySsl;
use crate::tlv::{self, Tlvs};

/// Which form a header has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyVersion {
    /// A line of text: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`. Addresses of TCP alone.
    V1,
    /// Binary, with values beside the addresses. The default.
    #[default]
    V2,
}

/// What carries the proxied connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyTransport {
    /// TCP, or a Unix stream. The default.
    #[default]
    Stream,
    /// UDP, or Unix datagrams.
    Datagram,
}

/// What a header says: who is connected to whom by the proxy, and what else is known of it.
///
/// ```
/// use polywire_proxy_protocol::{Parsed, ProxyHeader, ProxyVersion};
///
/// let header = ProxyHeader::new("192.0.2.1:56324".parse()?, "198.51.100.1:443".parse()?)
///     .with_authority("example.org")
///     .with_checksum(true);
/// let bytes = header.encode(ProxyVersion::V2)?;
/// let Parsed::Whole { header: received, len, .. } = ProxyHeader::parse(&bytes, 1024)? else {
///     unreachable!("nothing is missing");
/// };
/// assert_eq!((received, len), (header, bytes.len()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    pub(crate) is_local: bool,
    /// Source and destination, both of one family.
    pub(crate) ends: Option<(ProxyAddr, ProxyAddr)>,
    pub(crate) transport: ProxyTransport,
    pub(crate) has_checksum: bool,
    /// As on the wire, without the checksum.
    pub(crate) tlvs: Vec<u8>,
}

/// What the bytes received so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parsed {
    /// The beginning of a header.
    Incomplete {
        /// The header has at least that many bytes in all. Who reads no more than these reads nothing of
        /// what comes behind it.
        needed: usize,
    },
    /// A whole header, and perhaps more.
    Whole {
        /// What it says.
        header: ProxyHeader,
        /// Its form.
        version: ProxyVersion,
        /// Its bytes; what follows is not the header's.
        len: usize,
    },
}

impl ProxyHeader {
    /// The connection of a client at `source` to `destination`. If one is IPv4 and the other IPv6, both are
    /// sent as IPv6.
    pub fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        Self::between(source.into(), destination.into())
    }

    /// The connection between two Unix sockets, by their paths of at most 108 bytes.
    pub fn unix(source: impl Into<Vec<u8>>, destination: impl Into<Vec<u8>>) -> Self {
        Self::between(ProxyAddr::Unix(source.into()), ProxyAddr::Unix(destination.into()))
    }

    /// The proxy's own connection, such as a health check: `LOCAL`, and `UNKNOWN` in version 1.
    pub fn local() -> Self {
        Self { is_local: true, ..Self::unknown() }
    }

    /// A connection for somebody whose address the proxy does not know or does not say: `UNKNOWN` in
    /// version 1.
    pub fn unknown() -> Self {
        Self {
            is_local: false,
            ends: None,
            transport: ProxyTransport::Stream,
            has_checksum: false,
            tlvs: Vec::new(),
        }
    }

    fn between(source: ProxyAddr, destination: ProxyAddr) -> Self {
        Self { ends: Some((source, destination)), ..Self::unknown() }
    }

    /// The same, of another transport than a stream. Version 2 alone.
    #[must_use]
    pub fn with_transport(mut self, transport: ProxyTransport) -> Self {
        self.transport = transport;
        self
    }

    /// The same with one more value; [`tlv`] names the known types, and 0xE0 to 0xEF are for
    /// programs' own. Version 2 alone. The checksum is not given so, but [asked for](Self::with_checksum).
    #[must_use]
    pub fn with_tlv(mut self, kind: u8, value: impl AsRef<[u8]>) -> Self {
        match kind {
            tlv::CRC32C => self.has_checksum = true,
            _ => tlv::put(&mut self.tlvs, kind, value.as_ref()),
        }
        self
    }

    /// The same with the protocol that the client agreed on.
    #[must_use]
    pub fn with_alpn(self, protocol: impl AsRef<[u8]>) -> Self {
        self.with_tlv(tlv::ALPN, protocol)
    }

    /// The same with the host name that the client asked for.
    #[must_use]
    pub fn with_authority(self, name: impl AsRef<str>) -> Self {
        self.with_tlv(tlv::AUTHORITY, name.as_ref())
    }

    /// The same with a name for the connection, of at most 128 bytes.
    #[must_use]
    pub fn with_unique_id(self, id: impl AsRef<[u8]>) -> Self {
        self.with_tlv(tlv::UNIQUE_ID, id)
    }

    /// The same with or without a checksum. Version 2 alone.
    #[must_use]
    pub fn with_checksum(mut self, has_checksum: bool) -> Self {
        self.has_checksum = has_checksum;
        self
    }

    /// Whether it is the proxy's own connection (`LOCAL`).
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// The client, unless it is unknown or the proxy itself.
    pub fn source(&self) -> Option<&ProxyAddr> {
        self.ends.as_ref().map(|(source, _)| source)
    }

    /// Where the client connected to, unless that is unknown.
    pub fn destination(&self) -> Option<&ProxyAddr> {
        self.ends.as_ref().map(|(_, destination)| destination)
    }

    /// What carries the client's connection.
    pub fn transport(&self) -> ProxyTransport {
        self.transport
    }

    /// Whether it has a checksum, which was right if it was received: a local header with a wrong one has none.
    pub fn has_checksum(&self) -> bool {
        self.has_checksum
    }

    /// All values but the checksum, in their order.
    pub fn tlvs(&self) -> Tlvs<'_> {
        Tlvs::new(&self.tlvs)
    }

    /// The first value of that type.
    pub fn tlv(&self, kind: u8) -> Option<&[u8]> {
        self.tlvs().find(kind)
    }

    /// The protocol that the client agreed on, such as `h2`.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tlv(tlv::ALPN)
    }

    /// The host name that the client asked for. `None` as well if it is not UTF-8.
    pub fn authority(&self) -> Option<&str> {
        std::str::from_utf8(self.tlv(tlv::AUTHORITY)?).ok()
    }

    /// What the proxy calls the connection.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.tlv(tlv::UNIQUE_ID)
    }

    /// The name of the network namespace. `None` as well if it is not UTF-8.
    pub fn network_namespace(&self) -> Option<&str> {
        std::str::from_utf8(self.tlv(tlv::NETNS)?).ok()
    }

    /// What is known of the client's TLS connection.
    pub fn ssl(&self) -> Option<ProxySsl<'_>> {
        ProxySsl::new(self.tlv(tlv::SSL)?)
    }
}
