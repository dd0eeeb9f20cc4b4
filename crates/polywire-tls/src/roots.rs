//! What both sides' configurations are made of.

use rustls::pki_types::CertificateRevocationListDer;
use rustls::{RootCertStore, SupportedProtocolVersion};

use crate::certificate_error::describe_own;
use crate::certificates::{TlsCertificates, TlsRevocations};
use crate::config_error::TlsConfigError;
use crate::version::TlsVersion;

/// Bytes of all ALPN protocols together, with a length before each. What greets the peer has 64 KiB at most, and
/// other things in it as well.
const MAX_ALPN_BYTES: usize = 16 << 10;

/// Certification authorities to trust.
pub(crate) fn root_store(roots: &[TlsCertificates]) -> Result<RootCertStore, TlsConfigError> {
    let mut store = RootCertStore::empty();
    for root in roots.iter().flat_map(|roots| &roots.0) {
        store.add(root.clone()).map_err(|error| {
            let why = describe_own(&error);
            TlsConfigError::malformed("a certificate of a certification authority", why)
        })?;
    }
    Ok(store)
}

/// Lists of revoked certificates, the last one first: of several lists of one authority webpki asks the first alone. One
/// that is empty is a mistake, which would turn the check off.
pub(crate) fn revocation_lists(
    revocations: &[TlsRevocations],
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsConfigError> {
    if revocations.iter().any(|lists| lists.0.is_empty()) {
        let text = "revocation lists without a list would refuse nobody: give that of each authority, or none at all";
        return Err(TlsConfigError::settings(text));
    }
    Ok(revocations.iter().flat_map(|lists| &lists.0).rev().cloned().collect())
}

/// Those that were chosen, or all.
pub(crate) fn protocol_versions(chosen: &[TlsVersion]) -> Vec<&'static SupportedProtocolVersion> {
    let all = if chosen.is_empty() { &TlsVersion::ALL } else { chosen };
    all.iter().map(|version| version.supported()).collect()
}

/// ALPN protocols as they are offered, or chosen from (RFC 7301 section 3.1).
pub(crate) fn alpn_protocols(protocols: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, TlsConfigError> {
    if let Some(wrong) = protocols.iter().find(|name| !(1..=255).contains(&name.len())) {
        let text = format!("an ALPN protocol has 1 to 255 bytes, and not {}", wrong.len());
        return Err(TlsConfigError::settings(text));
    }
    let len: usize = protocols.iter().map(|name| 1 + name.len()).sum();
    if len > MAX_ALPN_BYTES {
        let text =
            format!("the ALPN protocols are too many: {len} bytes of at most {MAX_ALPN_BYTES}");
        return Err(TlsConfigError::settings(text));
    }
    Ok(protocols.to_vec())
}
