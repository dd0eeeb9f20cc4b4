//! From rustls' errors to ours.

use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};

use crate::alert::TlsAlert;
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
            TlsError::WrongName { expected: expected.to_str().into_owned(), presented }
        }
        CertificateError::NotValidForName => {
            TlsError::WrongName { expected: "the server".into(), presented: Vec::new() }
        }
        CertificateError::Other(OtherError(error)) => match error.downcast_ref::<PinMismatch>() {
            Some(PinMismatch(presented)) => TlsError::PinMismatch { presented: *presented },
            None => TlsError::BadCertificate(error.to_string().into()),
        },
        error => TlsError::BadCertificate(error.to_string().into()),
    }
}

fn incompatible(error: &PeerIncompatible) -> TlsError {
    match error {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => TlsError::NoCommonVersion,
        what => TlsError::NoCommonCipher(format!("{what:?}").into()),
    }
}
