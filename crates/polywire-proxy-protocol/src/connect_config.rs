//! The connecting side: what a header says.

use std::net::SocketAddr;

use crate::error::ProxyHeaderError;
use crate::header::{ProxyHeader, ProxyVersion};

/// A layer for connections to servers that expect a header: it is sent before all else.
///
/// Without more settings the header is of version 2 and names the two ends of the connection itself,
/// or nobody where the stream has no socket addresses. A program
/// that connects for somebody else says for whom.
///
/// ```
/// use polywire_proxy_protocol::{ProxyConnectConfig, ProxyHeader};
///
/// let header = ProxyHeader::new("192.0.2.1:56324".parse()?, "198.51.100.1:443".parse()?);
/// let for_a_client = ProxyConnectConfig::default().with_header(header.with_alpn("h2"));
/// let health_check = ProxyConnectConfig::default().with_header(ProxyHeader::local());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProxyConnectConfig {
    version: ProxyVersion,
    header: ProxyHeader,
    /// The addresses of the header are those of the socket.
    is_of_socket: bool,
}

impl Default for ProxyConnectConfig {
    fn default() -> Self {
        Self { version: ProxyVersion::V2, header: ProxyHeader::unknown(), is_of_socket: true }
    }
}

impl ProxyConnectConfig {
    /// The same with a header of that version. Default: [`V2`](ProxyVersion::V2).
    #[must_use]
    pub fn with_version(mut self, version: ProxyVersion) -> Self {
        self.version = version;
        self
    }

    /// The same with that header, in place of all that was said before: addresses and values are the
    /// program's.
    #[must_use]
    pub fn with_header(mut self, header: ProxyHeader) -> Self {
        (self.header, self.is_of_socket) = (header, false);
        self
    }

    /// The same with one more value; see [`ProxyHeader::with_tlv`].
    #[must_use]
    pub fn with_tlv(mut self, kind: u8, value: impl AsRef<[u8]>) -> Self {
        self.header = self.header.with_tlv(kind, value);
        self
    }

    /// The same with or without a checksum. Default: without.
    #[must_use]
    pub fn with_checksum(mut self, has_checksum: bool) -> Self {
        self.header = self.header.with_checksum(has_checksum);
        self
    }

    /// The header of a connection between those addresses, as bytes.
    pub(crate) fn encode(
        &self,
        ends: Option<(SocketAddr, SocketAddr)>,
    ) -> Result<Vec<u8>, ProxyHeaderError> {
        let mut header = self.header.clone();
        if let Some((source, destination)) = ends.filter(|_| self.is_of_socket) {
            header.ends = Some((source.into(), destination.into()));
        }
        header.encode(self.version)
    }
}
