//! What is known of a connection.

use crate::version::TlsVersion;

/// What `network.info::<TlsInfo>(endpoint)` tells of a connection over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS.
    pub version: TlsVersion,
    /// The name of the cipher suite, as rustls writes it: `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// The protocol that ALPN (RFC 7301) chose, if it was asked for.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client asked for (SNI, RFC 6066 section 3), seen by the server.
    pub server_name: Option<String>,
    /// The peer's certificates in DER, its own first: empty if it showed none.
    pub peer_certificates: Vec<Vec<u8>>,
    /// On the client's side, the name or IP address that the server's certificate was checked for. None where a pin
    /// took the place of the check.
    pub verified_name: Option<String>,
    /// Whether the connection took up a session of an earlier one. The peer's certificates are those of then.
    pub resumed: bool,
}
