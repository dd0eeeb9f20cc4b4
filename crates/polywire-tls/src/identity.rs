//! A certificate and its key.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;

use crate::certificate_error::describe_own;
use crate::certificates::{TlsCertificates, read};
use crate::config_error::TlsConfigError;
use crate::pem;
use crate::provider::TlsProvider;

/// By what this side shows who it is: a certificate, those that lead from it to a certification authority, and
/// the private key. Cheap to clone; `Debug` does not show the key.
#[derive(Clone)]
pub struct TlsIdentity(Arc<Parts>);

struct Parts {
    chain: TlsCertificates,
    key: PrivateKeyDer<'static>,
    /// As the providers have read it, so that a resolver may give the same identity for each handshake.
    certified: Mutex<Vec<(TlsProvider, Arc<CertifiedKey>)>>,
}

impl TlsIdentity {
    /// A chain, the certificate of this side first, and its key, both as PEM text (RFC 7468). The key may be
    /// PKCS #8, PKCS #1 (RSA) or SEC 1 (elliptic curve), and not encrypted. Both may be the same text.
    ///
    /// # Errors
    ///
    /// [`Malformed`](TlsConfigError::Malformed). Whether the key is the certificate's shows when it is used, or by `check` of
    /// a configuration.
    pub fn from_pem(
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        let key = key_of(key.as_ref())?;
        Ok(Self::new(TlsCertificates::from_pem(chain)?, key))
    }

    /// The same of two files, or twice the same one.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and [`File`](TlsConfigError::File) for one that can't be read.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsConfigError> {
        let (chain, path) = (TlsCertificates::from_pem_file(chain)?, key.as_ref());
        let key = key_of(&read(path)?).map_err(|error| error.in_file(path))?;
        Ok(Self::new(chain, key))
    }

    /// A chain, and its key in DER: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    ///
    /// [`Malformed`](TlsConfigError::Malformed) if the key is none of these.
    pub fn from_der(
        chain: TlsCertificates,
        key: impl Into<Vec<u8>>,
    ) -> Result<Self, TlsConfigError> {
        let key = PrivateKeyDer::try_from(key.into())
            .map_err(|error| TlsConfigError::malformed("a DER private key", error))?;
        Ok(Self::new(chain, key))
    }

    fn new(chain: TlsCertificates, key: PrivateKeyDer<'static>) -> Self {
        Self(Arc::new(Parts { chain, key, certified: Mutex::default() }))
    }

    /// The chain, the certificate of this side first.
    pub fn certificates(&self) -> &TlsCertificates {
        &self.0.chain
    }

    /// Both as rustls wants them.
    pub(crate) fn certified(
        &self,
        provider: TlsProvider,
    ) -> Result<Arc<CertifiedKey>, TlsConfigError> {
        let Parts { chain, key, certified } = &*self.0;
        let mut certified = certified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = certified.iter().find(|(of, _)| *of == provider) {
            return Ok(Arc::clone(known));
        }
        let read = CertifiedKey::from_der(chain.0.clone(), key.clone_key(), &provider.crypto());
        let read = Arc::new(read.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsConfigError::WrongKey,
            error => TlsConfigError::malformed("a certificate with its key", describe_own(&error)),
        })?);
        certified.push((provider, Arc::clone(&read)));
        Ok(read)
    }
}

fn key_of(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let refused = |error| pem::refused("a PEM private key", pem, &error);
    PrivateKeyDer::from_pem_slice(pem).map_err(refused)
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("chain", &self.0.chain).finish_non_exhaustive()
    }
}
