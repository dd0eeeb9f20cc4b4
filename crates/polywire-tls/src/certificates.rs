//! Certificates and revocation lists.

use std::fmt;
use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::config_error::TlsConfigError;
use crate::pem;

/// X.509 certificates, one or several: of certification authorities to trust, or a chain.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsCertificates(pub(crate) Vec<CertificateDer<'static>>);

impl TlsCertificates {
    /// The certificates of a PEM text (RFC 7468), in their order. Other things in it are skipped.
    ///
    /// # Errors
    ///
    /// [`Malformed`](TlsConfigError::Malformed) if it holds none, or one that is not PEM.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        let parsed = CertificateDer::pem_slice_iter(pem.as_ref()).collect();
        some("a PEM certificate", pem.as_ref(), parsed).map(Self)
    }

    /// The same of a file.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and [`File`](TlsConfigError::File) if it can't be read.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, TlsConfigError> {
        let path = path.as_ref();
        Self::from_pem(read(path)?).map_err(|error| error.in_file(path))
    }

    /// Certificates in DER, each of them one item. Whether they are well-formed shows when they are used.
    pub fn from_der<D: Into<Vec<u8>>>(certificates: impl IntoIterator<Item = D>) -> Self {
        Self(certificates.into_iter().map(|der| der.into().into()).collect())
    }

    /// Each in DER.
    pub fn iter_der(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|certificate| &certificate[..])
    }
}

impl fmt::Debug for TlsCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsCertificates({})", self.0.len())
    }
}

/// Lists of certificates that were revoked (CRLs, RFC 5280 section 5).
///
/// Where they are given, each certificate of a chain but the root's must be covered by one of them: those of an
/// authority without a list here are refused with [`RevocationUnknown`](crate::TlsError::RevocationUnknown). A list that is out of
/// date still counts. Of two lists of one authority the one given last counts, and the other does not.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsRevocations(pub(crate) Vec<CertificateRevocationListDer<'static>>);

impl TlsRevocations {
    /// The lists of a PEM text.
    ///
    /// # Errors
    ///
    /// [`Malformed`](TlsConfigError::Malformed) if it holds none, or one that is not PEM.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        let parsed = CertificateRevocationListDer::pem_slice_iter(pem.as_ref()).collect();
        some("a PEM revocation list", pem.as_ref(), parsed).map(Self)
    }

    /// The same of a file.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and [`File`](TlsConfigError::File) if it can't be read.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, TlsConfigError> {
        let path = path.as_ref();
        Self::from_pem(read(path)?).map_err(|error| error.in_file(path))
    }

    /// Lists in DER, each of them one item. None at all is an error of the configuration that they are given to.
    pub fn from_der<D: Into<Vec<u8>>>(lists: impl IntoIterator<Item = D>) -> Self {
        Self(lists.into_iter().map(|der| der.into().into()).collect())
    }
}

impl fmt::Debug for TlsRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsRevocations({})", self.0.len())
    }
}

/// What `pem` holds, one at least.
fn some<T>(
    what: &'static str,
    pem: &[u8],
    parsed: Result<Vec<T>, Error>,
) -> Result<Vec<T>, TlsConfigError> {
    let parsed = parsed.and_then(|some| match some.is_empty() {
        true => Err(Error::NoItemsFound),
        false => Ok(some),
    });
    parsed.map_err(|error| pem::refused(what, pem, &error))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsConfigError> {
    std::fs::read(path).map_err(|error| TlsConfigError::file(path, error))
}
