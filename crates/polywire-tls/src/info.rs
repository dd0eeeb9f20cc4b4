//! What is known of a connection.

use rustls::pki_types::CertificateDer;

use crate::pin::TlsPin;
use crate::provider::provider;
use crate::version::TlsVersion;

/// What `network.info::<TlsInfo>(endpoint)` tells of a connection over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS.
    pub version: TlsVersion,
    /// The name of the cipher suite, as rustls writes it: `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// The group in which keys were exchanged, as rustls writes it: `X25519MLKEM768`, which is post-quantum, between
    /// ends that have it. None of a session that was taken up without an exchange, as TLS 1.2 does.
    pub key_exchange: Option<String>,
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

impl TlsInfo {
    /// The pin of the peer's certificate: who it is, whoever signed that. None if it showed none.
    ///
    /// It stays the same when the certificate is renewed with its key. Takes some microseconds, so ask once for a
    /// connection, as when it is accepted.
    pub fn peer_pin(&self) -> Option<TlsPin> {
        let own = CertificateDer::from(&self.peer_certificates.first()?[..]);
        TlsPin::of(&own, &provider(None).ok()?.crypto()).ok()
    }
}
