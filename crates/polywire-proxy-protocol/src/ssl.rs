//! What a header says of the client's TLS connection.

use crate::tlv::{
    SSL_CIPHER, SSL_CLIENT_CERT, SSL_CN, SSL_KEY_ALG, SSL_SIG_ALG, SSL_VERSION, Tlvs,
};

/// What a proxy says of the TLS connection that the client has to it (section 2.2.5 of the specification).
#[derive(Clone, Debug)]
pub struct ProxySsl<'a> {
    client: u8,
    verify: u32,
    tlvs: Tlvs<'a>,
}

impl<'a> ProxySsl<'a> {
    pub(crate) fn new(value: &'a [u8]) -> Option<Self> {
        let (&[client, a, b, c, d], rest) = value.split_first_chunk::<5>()?;
        let verify = u32::from_be_bytes([a, b, c, d]);
        Some(Self { client, verify, tlvs: Tlvs::new(rest) })
    }

    /// Whether the client came by TLS.
    pub fn is_tls(&self) -> bool {
        self.client & 1 != 0
    }

    /// Whether the client showed a certificate in this connection.
    pub fn has_certificate(&self) -> bool {
        self.client & 2 != 0
    }

    /// Whether the client showed a certificate in this TLS session, perhaps in an earlier connection that
    /// this one resumed.
    pub fn had_certificate(&self) -> bool {
        self.client & 4 != 0
    }

    /// Whether the client showed a certificate and the proxy found it good.
    pub fn is_verified(&self) -> bool {
        self.verify == 0 && self.client & 6 != 0
    }

    /// All values.
    pub fn tlvs(&self) -> Tlvs<'a> {
        self.tlvs.clone()
    }

    /// The version, such as `TLSv1.3`.
    pub fn version(&self) -> Option<&'a str> {
        self.text(SSL_VERSION)
    }

    /// The common name of the client's certificate.
    pub fn common_name(&self) -> Option<&'a str> {
        self.text(SSL_CN)
    }

    /// The cipher, such as `ECDHE-RSA-AES128-GCM-SHA256`.
    pub fn cipher(&self) -> Option<&'a str> {
        self.text(SSL_CIPHER)
    }

    /// The algorithm that signed the proxy's certificate, such as `SHA256`.
    pub fn signature_algorithm(&self) -> Option<&'a str> {
        self.text(SSL_SIG_ALG)
    }

    /// The algorithm of the key of the proxy's certificate, such as `RSA2048`.
    pub fn key_algorithm(&self) -> Option<&'a str> {
        self.text(SSL_KEY_ALG)
    }

    /// The client's certificate (DER), if the proxy passes it on.
    pub fn client_certificate(&self) -> Option<&'a [u8]> {
        self.tlvs().find(SSL_CLIENT_CERT)
    }

    fn text(&self, kind: u8) -> Option<&'a str> {
        std::str::from_utf8(self.tlvs().find(kind)?).ok()
    }
}
