//! Who signed a certificate, as rustls checks it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// What the object identifiers of elliptic curves and of their signatures begin with (1.2.840.10045).
const ELLIPTIC_CURVES: [u8; 5] = [0x2A, 0x86, 0x48, 0xCE, 0x3D];

/// Checks chains as rustls does, and tells both sides of an authority that has the name of a trusted one and another
/// key, as one that was made anew has, that it is unknown: rustls calls that a bad signature.
#[derive(Debug)]
pub(crate) struct Chain<V: ?Sized>(pub(crate) Arc<V>);

fn unknown(error: Error) -> Error {
    let Error::InvalidCertificate(reason) = &error else { return error };
    let is_unknown = match reason {
        CertificateError::BadSignature => true,
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => is_curve(signature_algorithm_id) != is_curve(public_key_algorithm_id),
        _ => false,
    };
    if is_unknown { CertificateError::UnknownIssuer.into() } else { error }
}

/// Otherwise it is RSA or Ed25519. Two curves may well be those of one authority, of which one is not supported.
fn is_curve(algorithm: &[u8]) -> bool {
    algorithm.windows(ELLIPTIC_CURVES.len()).any(|bytes| bytes == ELLIPTIC_CURVES)
}

/// The signatures of a handshake, and what both roles ask for.
macro_rules! as_before {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.0.verify_tls12_signature(message, cert, dss)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.0.verify_tls13_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_verify_schemes()
        }
    };
}

impl ServerCertVerifier for Chain<dyn ServerCertVerifier> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now).map_err(unknown)
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }

    as_before!();
}

impl ClientCertVerifier for Chain<dyn ClientCertVerifier> {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify_client_cert(end_entity, intermediates, now).map_err(unknown)
    }

    as_before!();
}
