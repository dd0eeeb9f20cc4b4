//! What both sides' configurations are made of.

use rustls::{RootCertStore, SupportedProtocolVersion};

use crate::certificates::TlsCertificates;
use crate::config_error::TlsConfigError;
use crate::version::TlsVersion;

/// Certification authorities to trust.
pub(crate) fn root_store(roots: &[TlsCertificates]) -> Result<RootCertStore, TlsConfigError> {
    let mut store = RootCertStore::empty();
    for root in roots.iter().flat_map(|roots| &roots.0) {
        store.add(root.clone()).map_err(|error| {
            TlsConfigError::malformed("a certificate of a certification authority", error)
        })?;
    }
    Ok(store)
}

/// Those that were chosen, or all.
pub(crate) fn protocol_versions(chosen: &[TlsVersion]) -> Vec<&'static SupportedProtocolVersion> {
    let all = if chosen.is_empty() { &TlsVersion::ALL } else { chosen };
    all.iter().map(|version| version.supported()).collect()
}
