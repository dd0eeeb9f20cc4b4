//! What is wrong with a certificate, in the words of this crate.

use std::borrow::Cow;
use std::net::IpAddr;

use rustls::{CertificateError, ExtendedKeyPurpose};

/// What is wrong with a certificate for which [`TlsError`](crate::TlsError) has no case of its own, and what to do.
pub(crate) fn describe(error: &CertificateError) -> Cow<'static, str> {
    match error {
        CertificateError::BadEncoding => "it is not a well-formed X.509 certificate".into(),
        CertificateError::BadSignature => {
            "a signature does not fit: its key and its certificate do not belong together".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "it is signed by an algorithm that is not supported, such as SHA-1: sign it by SHA-256".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the key of its authority is of a kind that is not supported: ECDSA over P-256 or P-384, RSA and Ed25519 are"
                .into()
        }
        CertificateError::InvalidPurposeContext { required: ExtendedKeyPurpose::ServerAuth, .. } => {
            "it is not for servers: make one with extendedKeyUsage=serverAuth".into()
        }
        CertificateError::InvalidPurposeContext { required: ExtendedKeyPurpose::ClientAuth, .. } => {
            "it is not for clients: make one with extendedKeyUsage=clientAuth".into()
        }
        CertificateError::Other(error) => other(error.to_string()),
        error => error.to_string().into(),
    }
}

/// What rustls passes on of its library of certificates, whose type is not to be had here: only its text.
fn other(text: String) -> Cow<'static, str> {
    match &text[..] {
        "CaUsedAsEndEntity" => {
            "it is an authority's own certificate (CA:TRUE): make one with basicConstraints=CA:FALSE, or pin it".into()
        }
        "EndEntityUsedAsCa" => {
            "one of its chain is no authority's: make that with basicConstraints=CA:TRUE".into()
        }
        "UnsupportedCertVersion" => {
            "it is of X.509 version 1, which knows no names: make one of version 3, as with a subjectAltName".into()
        }
        _ => text.into(),
    }
}

/// What is wrong with a certificate or a key of this side.
pub(crate) fn describe_own(error: &rustls::Error) -> Cow<'static, str> {
    match error {
        rustls::Error::InvalidCertificate(error) => describe(error),
        error => error.to_string().into(),
    }
}

/// A name as people write it, of `DnsName("localhost")`.
pub(crate) fn plain_name(name: &str) -> String {
    let inner = |kind: &str| name.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    let quoted = |kind| inner(kind)?.strip_prefix('"')?.strip_suffix('"');
    if let Some(address) = inner("IpAddress") {
        let parsed: Option<IpAddr> = address.parse().ok();
        return parsed.map_or_else(|| address.into(), |address| address.to_string());
    }
    quoted("DnsName").or_else(|| quoted("UniformResourceIdentifier")).unwrap_or(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_people_do() {
        for (theirs, ours) in [
            ("DnsName(\"*.example.org\")", "*.example.org"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("IpAddress(0:0:0:0:0:0:0:1)", "::1"),
            ("UniformResourceIdentifier(\"spiffe://a/b\")", "spiffe://a/b"),
            ("Unsupported(0x81)", "Unsupported(0x81)"),
        ] {
            assert_eq!(plain_name(theirs), ours);
        }
    }
}
