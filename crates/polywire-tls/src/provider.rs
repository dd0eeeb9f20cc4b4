//! Who computes.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;
use rustls::server::ProducesTickets;

use crate::config_error::TlsConfigError;

/// A library of cryptography that TLS computes with. Each is there if the feature of its name is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsProvider {
    /// aws-lc-rs: the fastest, with post-quantum key exchange. Needs a C compiler.
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
    /// ring: smaller and quicker to build.
    #[cfg(feature = "ring")]
    Ring,
}

/// `AwsLcRs` if it is there, else `Ring`. Without either feature there is
/// none, and each configuration is refused with [`TlsConfigError::NoProvider`].
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
impl Default for TlsProvider {
    #[cfg(feature = "aws-lc-rs")]
    fn default() -> Self {
        Self::AwsLcRs
    }

    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    fn default() -> Self {
        Self::Ring
    }
}

/// The one that was chosen, or the default.
pub(crate) fn provider(chosen: Option<TlsProvider>) -> Result<TlsProvider, TlsConfigError> {
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    let default = Some(TlsProvider::default());
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    let default = None;
    chosen.or(default).ok_or(TlsConfigError::NoProvider)
}

impl TlsProvider {
    pub(crate) fn crypto(self) -> Arc<CryptoProvider> {
        match self {
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            #[cfg(feature = "ring")]
            Self::Ring => Arc::new(rustls::crypto::ring::default_provider()),
        }
    }

    /// What seals tickets with keys of its own, which it changes every six hours.
    pub(crate) fn ticketer(self) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
        match self {
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => rustls::crypto::aws_lc_rs::Ticketer::new(),
            #[cfg(feature = "ring")]
            Self::Ring => rustls::crypto::ring::Ticketer::new(),
        }
    }
}

/// The SHA-256 of `bytes`, by a hash that each provider has.
pub(crate) fn sha256(provider: &CryptoProvider, bytes: &[u8]) -> Option<[u8; 32]> {
    let hashes = provider.cipher_suites.iter().map(|suite| match suite {
        rustls::SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        rustls::SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
    });
    let mut hashes = hashes.filter(|hash| hash.algorithm() == HashAlgorithm::SHA256);
    hashes.next()?.hash(bytes).as_ref().try_into().ok()
}
