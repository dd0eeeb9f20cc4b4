//! An authority and the certificate that it signed for this machine, in files that both sides read.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::Result;

pub const AUTHORITY: &str = "ca.pem";
pub const CERTIFICATE: &str = "cert.pem";
pub const KEY: &str = "key.pem";

/// Makes all three files.
pub fn make(dir: &Path) -> Result {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = vec!["localhost".into(), "127.0.0.1".into()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    fs::write(dir.join(AUTHORITY), authority.pem())?;
    fs::write(dir.join(CERTIFICATE), certificate.pem())?;
    Ok(fs::write(dir.join(KEY), key.serialize_pem())?)
}
