//! What a peer says when it gives up.

use std::fmt;

use rustls::AlertDescription;

/// An alert of the peer's: its number (RFC 8446 section 6). `Display` shows the name and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlsAlert(pub u8);

impl TlsAlert {
    /// `handshake_failure`: nothing in common.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    /// `bad_certificate`.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// `unsupported_certificate`: not for this use.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    /// `certificate_revoked`.
    pub const CERTIFICATE_REVOKED: Self = Self(44);
    /// `certificate_expired`.
    pub const CERTIFICATE_EXPIRED: Self = Self(45);
    /// `certificate_unknown`.
    pub const CERTIFICATE_UNKNOWN: Self = Self(46);
    /// `unknown_ca`.
    pub const UNKNOWN_CA: Self = Self(48);
    /// `access_denied`: what it was shown is good, and it does not want this side.
    pub const ACCESS_DENIED: Self = Self(49);
    /// `decrypt_error`: a signature does not fit.
    pub const DECRYPT_ERROR: Self = Self(51);
    /// `protocol_version`.
    pub const PROTOCOL_VERSION: Self = Self(70);
    /// `unrecognized_name`.
    pub const UNRECOGNIZED_NAME: Self = Self(112);
    /// `certificate_required`: a client has to show one.
    pub const CERTIFICATE_REQUIRED: Self = Self(116);
    /// `no_application_protocol`: no ALPN protocol in common.
    pub const NO_APPLICATION_PROTOCOL: Self = Self(120);

    /// What it means for this side.
    fn meaning(self) -> &'static str {
        match self {
            Self::HANDSHAKE_FAILURE => {
                "no cipher or certificate in common, or a client certificate was missing"
            }
            Self::BAD_CERTIFICATE => {
                "it does not accept this side's certificate, or not for this name"
            }
            Self::UNSUPPORTED_CERTIFICATE => {
                "this side's certificate is not for this use: see its extendedKeyUsage and basicConstraints"
            }
            Self::CERTIFICATE_REVOKED => "this side's certificate is revoked: get another one",
            Self::CERTIFICATE_EXPIRED => {
                "this side's certificate is expired or not valid yet: renew it, or check the clocks"
            }
            Self::CERTIFICATE_UNKNOWN => {
                "it does not accept this side's certificate: it may not know the authority, or have pinned another key"
            }
            Self::UNKNOWN_CA => {
                "it does not trust the authority that signed this side's certificate: give it that authority"
            }
            Self::ACCESS_DENIED => {
                "it does not want this side, or not for the name that it was asked for"
            }
            Self::DECRYPT_ERROR => {
                "a signature of this side's does not fit: the peer trusts another authority of the same name as the one \
                 that signed this side's certificate, or the certificate and its key do not belong together"
            }
            Self::PROTOCOL_VERSION => "it speaks no version of TLS that is allowed here",
            Self::UNRECOGNIZED_NAME => "it has no certificate for the name that it was asked for",
            Self::CERTIFICATE_REQUIRED => {
                "it demands a client certificate: give one with `TlsConnectConfig::with_identity`"
            }
            Self::NO_APPLICATION_PROTOCOL => "it speaks none of the ALPN protocols of this side",
            _ => "the peer gave up",
        }
    }
}

impl fmt::Display for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = AlertDescription::from(self.0);
        write!(f, "{name:?}, {}: {}", self.0, self.meaning())
    }
}
