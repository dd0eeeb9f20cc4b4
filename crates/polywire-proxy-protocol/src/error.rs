//! What is wrong with a header.

use std::error::Error;
use std::fmt;
use std::io;

use polywire_core::CloseReason;

/// What is wrong with a header, received or to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// What was received does not begin like a header. Have the proxy send one, or take the layer away.
    Missing,
    /// The header breaks the rule that the text names.
    Malformed(&'static str),
    /// The header is longer than this side takes.
    TooLong {
        /// Bytes of the whole header.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The checksum is that of another header: bytes were changed on the way.
    WrongChecksum,
    /// A header of that version can't say what it should; the text names it.
    Unsupported(&'static str),
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => {
                f.write_str("no PROXY header came first: have the proxy send one (send-proxy)")
            }
            Self::Malformed(text) => write!(f, "malformed PROXY header: {text}"),
            Self::TooLong { len, max } => {
                write!(f, "a PROXY header of {len} bytes, at most {max} are allowed")
            }
            Self::WrongChecksum => f.write_str("the checksum of the PROXY header is wrong"),
            Self::Unsupported(text) => write!(f, "the PROXY header can't say this: {text}"),
        }
    }
}

impl Error for ProxyHeaderError {}

/// A peer that sends such a header is refused.
impl From<ProxyHeaderError> for CloseReason {
    fn from(error: ProxyHeaderError) -> Self {
        Self::HandshakeRefused(error.to_string().into())
    }
}

/// `InvalidInput`: it was the program that asked for such a header.
impl From<ProxyHeaderError> for io::Error {
    fn from(error: ProxyHeaderError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
