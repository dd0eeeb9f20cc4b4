//! Certificates known by their key.

use std::fmt;
use std::str::FromStr;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

use crate::certificate_error::describe_own;
use crate::certificates::TlsCertificates;
use crate::config_error::TlsConfigError;
use crate::provider::{provider, sha256};

/// The SHA-256 of a certificate's public key (its `SubjectPublicKeyInfo`, as in RFC 7469): the honest way to
/// trust a peer whose certificate no authority signed. It stays the same when a certificate is renewed with its key.
///
/// Written as 64 hexadecimal digits, with colons between the bytes or without; so does `openssl`:
///
/// ```text
/// openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsPin([u8; 32]);

impl TlsPin {
    /// A pin of its bytes.
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The pin of a certificate, the first of these.
    ///
    /// # Errors
    ///
    /// [`Malformed`](TlsConfigError::Malformed) if it is none; [`NoProvider`](TlsConfigError::NoProvider) without
    /// anything that computes a SHA-256.
    pub fn of_certificate(certificates: &TlsCertificates) -> Result<Self, TlsConfigError> {
        let malformed = |why: &dyn fmt::Display| TlsConfigError::malformed("a certificate", why);
        let first = certificates.0.first().ok_or_else(|| malformed(&"there is none"))?;
        Self::of(first, &provider(None)?.crypto()).map_err(|error| malformed(&describe_own(&error)))
    }

    pub(crate) fn of(
        certificate: &CertificateDer<'_>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let no_hash = || rustls::Error::General("the provider has no SHA-256".into());
        sha256(provider, &key).map(Self).ok_or_else(no_hash)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for TlsPin {
    type Err = TlsConfigError;

    fn from_str(text: &str) -> Result<Self, TlsConfigError> {
        let malformed = || TlsConfigError::malformed("a pin", "write 64 hexadecimal digits");
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(malformed)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for TlsPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TlsPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsPin({self})")
    }
}
