//! From rustls' errors to ours.

use std::borrow::Cow;

use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};

use crate::alert::TlsAlert;
use crate::certificate_error::{describe, plain_name};
use crate::error::TlsError;
use crate::pinned::PinMismatch;

/// What `error` is called here. `first_flight` says that nothing of the peer's was understood so far.
pub(crate) fn translate(error: Error, first_flight: bool) -> TlsError {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => TlsError::NoClientCertificate,
        Error::PeerIncompatible(error) => incompatible(&error),
        Error::NoApplicationProtocol => TlsError::NoCommonAlpn,
        // Elsewhere it is no error.
        Error::AlertReceived(AlertDescription::CloseNotify) => TlsError::ClosedDuringHandshake,
        Error::AlertReceived(alert) => TlsError::AlertReceived(TlsAlert(alert.into())),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) if first_flight => TlsError::NotTls,
        Error::InvalidMessage(what) => TlsError::BadRecord(format!("{what:?}").into()),
        Error::DecryptError => TlsError::BadRecord("it can't be decrypted".into()),
        Error::PeerSentOversizedRecord => TlsError::BadRecord("it is too long".into()),
        Error::PeerMisbehaved(what) => TlsError::Misbehaved(format!("{what:?}").into()),
        error @ (Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }) => {
            TlsError::Misbehaved(error.to_string().into())
        }
        // What rustls says where no resolver has a certificate.
        Error::General(text) if text.contains("no server certificate chain resolved") => {
            TlsError::NoCertificateForName
        }
        error => TlsError::Other(error.to_string().into()),
    }
}

fn certificate(error: CertificateError) -> TlsError {
    match error {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::NotYetValid
        }
        CertificateError::Revoked => TlsError::Revoked,
        CertificateError::UnknownRevocationStatus => TlsError::RevocationUnknown,
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = presented.iter().map(|name| plain_name(name)).collect();
            TlsError::WrongName { expected: expected.to_str().into_owned(), presented }
        }
        CertificateError::NotValidForName => {
            TlsError::WrongName { expected: "the server".into(), presented: Vec::new() }
        }
        CertificateError::Other(OtherError(ref inner)) => match inner.downcast_ref::<PinMismatch>()
        {
            Some(PinMismatch(presented)) => TlsError::PinMismatch { presented: *presented },
            None => TlsError::BadCertificate(describe(&error)),
        },
        error => TlsError::BadCertificate(describe(&error)),
    }
}

fn incompatible(error: &PeerIncompatible) -> TlsError {
    match error {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        // Nothing older than TLS 1.2 knows it.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => TlsError::NoCommonVersion,
        what => TlsError::NoCommonCipher(missing(what)),
    }
}

/// What the peer lacks, and what to do.
fn missing(what: &PeerIncompatible) -> Cow<'static, str> {
    match what {
        PeerIncompatible::NoCipherSuitesInCommon => {
            "no cipher suite; the peer needs AES-GCM or ChaCha20-Poly1305, in TLS 1.2 with ECDHE and the kind of key that the \
             certificate has"
                .into()
        }
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "no key exchange; the peer needs X25519, or ECDHE over P-256 or P-384".into()
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "no signature; the peer can't check a certificate with such a key; one with ECDSA over P-256 or with RSA suits all"
                .into()
        }
        what => format!("the peer's TLS lacks what is needed here ({what:?}): update or configure it").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_common_is_told_with_what_the_peer_needs() {
        let told = |what: PeerIncompatible| translate(what.into(), true);
        let old = told(PeerIncompatible::SignatureAlgorithmsExtensionRequired);
        assert_eq!(old, TlsError::NoCommonVersion);
        for (what, needs) in [
            (PeerIncompatible::NoCipherSuitesInCommon, "AES-GCM"),
            (PeerIncompatible::NoKxGroupsInCommon, "X25519"),
            (PeerIncompatible::NoSignatureSchemesInCommon, "ECDSA over P-256"),
            (PeerIncompatible::ExtendedMasterSecretExtensionRequired, "update or configure it"),
        ] {
            let text = told(what).to_string();
            assert!(text.contains("nothing in common") && text.contains(needs), "{text}");
        }
    }
}
