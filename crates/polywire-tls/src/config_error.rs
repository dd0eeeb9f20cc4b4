//! What is wrong with a configuration.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with certificates, keys or settings of this side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file can't be read: its path, and what the system says.
    File(PathBuf, Cow<'static, str>),
    /// Something is no certificate, key, list or pin, or there is none in it: what it was to be, and why it is not,
    /// behind the name of the file if it was read of one.
    Malformed(&'static str, Cow<'static, str>),
    /// The private key is not that of the certificate.
    WrongKey,
    /// Settings that exclude each other, or a list without anything in it; the text says which.
    Settings(Cow<'static, str>),
    /// The crate was built without a [`TlsProvider`](crate::TlsProvider).
    NoProvider,
    /// The roots of the system can't be read.
    SystemRoots(Cow<'static, str>),
}

impl TlsConfigError {
    pub(crate) fn file(path: &Path, error: impl fmt::Display) -> Self {
        Self::File(path.into(), error.to_string().into())
    }

    pub(crate) fn malformed(what: &'static str, why: impl fmt::Display) -> Self {
        Self::Malformed(what, why.to_string().into())
    }

    /// The same, of that file.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Malformed(what, why) => {
                Self::Malformed(what, format!("{}: {why}", path.display()).into())
            }
            other => other,
        }
    }

    pub(crate) fn settings(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Settings(text.into())
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, why) => write!(f, "can't read {}: {why}", path.display()),
            Self::Malformed(what, why) => write!(f, "not {what}: {why}"),
            Self::WrongKey => f.write_str(
                "the private key is not that of the certificate: give the key that the certificate was made for, \
                 and the certificate of this side first in its chain",
            ),
            Self::Settings(text) => f.write_str(text),
            Self::NoProvider => f.write_str(
                "polywire-tls was built without cryptography: turn on its feature `aws-lc-rs` or `ring` (of polywire: \
                 `tls` or `tls-ring`)",
            ),
            Self::SystemRoots(why) => write!(
                f,
                "can't read the certification authorities of the system: {why}; install its package ca-certificates, \
                 or name roots of your own with `with_roots`"
            ),
        }
    }
}

impl Error for TlsConfigError {}

/// `InvalidInput`, with the error inside.
impl From<TlsConfigError> for io::Error {
    fn from(error: TlsConfigError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
