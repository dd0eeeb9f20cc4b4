//! Why a connection ended.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use polywire_core::{CloseReason, LayerError};

use crate::alert::TlsAlert;
use crate::pin::TlsPin;

/// Why TLS ended a connection, or did not let it begin. Inside of
/// [`CloseReason::Layer`]; [`TlsError::of`] finds it there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// No certification authority that is trusted here signed the peer's certificate.
    UnknownIssuer,
    /// The server's certificate is for other names: the one that was asked for, and those it is for.
    WrongName {
        /// The name of the server, as it was asked for.
        expected: String,
        /// The names in its certificate: `localhost`, `127.0.0.1`. Empty if it has no subjectAltName.
        presented: Vec<String>,
    },
    /// The peer's certificate, or one of its chain, is not valid any more.
    Expired,
    /// The peer's certificate, or one of its chain, is not valid yet.
    NotYetValid,
    /// The peer's certificate, or one of its chain, is on a list of revoked ones.
    Revoked,
    /// No list of revoked certificates covers the peer's.
    RevocationUnknown,
    /// The peer's certificate is not acceptable for another reason.
    BadCertificate(Cow<'static, str>),
    /// The peer's certificate has another key than those that are pinned.
    PinMismatch {
        /// The key that it has.
        presented: TlsPin,
    },
    /// The client has shown no certificate, which is demanded here.
    NoClientCertificate,
    /// There is no certificate for the name that the client asked for.
    NoCertificateForName,
    /// The peer speaks no version of TLS that is allowed here.
    NoCommonVersion,
    /// No cipher, key exchange or signature in common.
    NoCommonCipher(Cow<'static, str>),
    /// No ALPN protocol in common.
    NoCommonAlpn,
    /// The peer gave up, and said why.
    AlertReceived(TlsAlert),
    /// The stream ended without `close_notify`: the peer died, or somebody on the way cut it. What it sent last may be
    /// missing.
    Truncated,
    /// The peer closed the connection before the handshake was done.
    ClosedDuringHandshake,
    /// What the peer sent is not TLS at all.
    NotTls,
    /// A record of the peer's was changed on the way, or is malformed.
    BadRecord(Cow<'static, str>),
    /// The peer broke a rule of TLS.
    Misbehaved(Cow<'static, str>),
    /// This side has no name to check the server's certificate against.
    NoServerName(String),
    /// Another error, in rustls' words.
    Other(Cow<'static, str>),
}

impl TlsError {
    /// The error inside of a close reason, if TLS is what ended the connection.
    pub fn of(reason: &CloseReason) -> Option<&Self> {
        match reason {
            CloseReason::Layer(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongName { expected, presented } if presented.is_empty() => write!(
                f,
                "the server's certificate is not for {expected}, as it names nobody: make one with a subjectAltName; \
                 the CN does not count"
            ),
            Self::WrongName { expected, presented } => write!(
                f,
                "the server's certificate is not for {expected}, but for {}: connect by one of these names, or say \
                 with `TlsConnectConfig::with_server_name` which one is meant",
                presented.join(", ")
            ),
            Self::BadCertificate(why) => write!(f, "the peer's certificate is not accepted: {why}"),
            Self::PinMismatch { presented } => write!(
                f,
                "the peer has another key than those pinned: it has a new key, or somebody stands in between; its pin is \
                 {presented}, to be pinned if you know from elsewhere that it is right"
            ),
            Self::NoCommonCipher(what) => {
                write!(f, "the peer and this side have nothing in common: {what}")
            }
            Self::AlertReceived(alert) => write!(f, "the peer ended TLS: {alert}"),
            Self::BadRecord(why) => write!(f, "a TLS record is damaged: {why}"),
            Self::Misbehaved(why) => write!(f, "the peer broke a rule of TLS: {why}"),
            Self::NoServerName(text) => write!(
                f,
                "'{text}' is no name that a certificate can be for: connect by a host name or an IP address, or give \
                 the name with `TlsConnectConfig::with_server_name`"
            ),
            Self::Other(text) => f.write_str(text),
            fixed => f.write_str(fixed.text()),
        }
    }
}

impl TlsError {
    /// The text of those that say no more than what they are.
    fn text(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "the peer's certificate is not signed by an authority that is trusted here (one of the same name with \
                 another key is another one): add it with `with_roots` (of servers) or `with_client_roots` (of clients), or pin a \
                 self-signed one with `with_pin`"
            }
            Self::Expired => "the peer's certificate is expired: the peer has to renew it",
            Self::NotYetValid => {
                "the peer's certificate is not valid yet: check the clocks of both sides"
            }
            Self::Revoked => "the peer's certificate is revoked: the peer has to get another one",
            Self::RevocationUnknown => {
                "no revocation list covers the peer's certificate: give the list of its authority, too"
            }
            Self::NoClientCertificate => {
                "the client showed no certificate, which is demanded here: give it one with \
                 `TlsConnectConfig::with_identity`, or let it in with `with_clients_unknown`"
            }
            Self::NoCertificateForName => {
                "there is no certificate for the name that the client asked for"
            }
            Self::NoCommonVersion => {
                "the peer speaks no version of TLS that is allowed here: see `with_versions`"
            }
            Self::NoCommonAlpn => "no ALPN protocol in common: see `with_alpn` of both sides",
            Self::Truncated => {
                "the stream ended without close_notify: what the peer sent last may be missing; if it always ends like \
                 this, allow that with `without_close_notify`"
            }
            Self::ClosedDuringHandshake => {
                "the peer closed the connection during the TLS handshake: is it a port for TLS? does a proxy's PROXY header \
                 have to come first?"
            }
            Self::NotTls => {
                "the peer does not speak TLS: check the port, and whether it expects clear text"
            }
            _ => "TLS failed",
        }
    }
}

impl Error for TlsError {}

/// With [`CloseReason::Layer`] inside.
impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        LayerError::new(error).into()
    }
}
