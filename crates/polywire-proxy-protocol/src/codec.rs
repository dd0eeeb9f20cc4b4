//! Headers of either version as bytes.

use crate::error::ProxyHeaderError;
use crate::header::{Parsed, ProxyHeader, ProxyVersion};
use crate::{v1, v2};

impl ProxyHeader {
    /// Looks for a header of either version at the front of `input`. One of version 2 may have `max_len` bytes
    /// (16 for its front, and by the specification up to 65,535 more); one of version 1 has at most 107.
    ///
    /// # Errors
    ///
    /// `Missing`, `Malformed`, `TooLong` and `WrongChecksum`, as early as possible. More input does not
    /// mend them.
    pub fn parse(input: &[u8], max_len: usize) -> Result<Parsed, ProxyHeaderError> {
        let begins = |whole: &[u8]| {
            let len = whole.len().min(input.len());
            input[..len] == whole[..len]
        };
        match input {
            [] => Ok(Parsed::Incomplete { needed: v1::MIN_LEN }),
            _ if begins(v2::SIGNATURE) => v2::parse(input, max_len),
            _ if begins(v1::SIGNATURE) => v1::parse(input),
            _ => Err(ProxyHeaderError::Missing),
        }
    }

    /// The bytes of the header.
    ///
    /// # Errors
    ///
    /// `Unsupported` for what the version can't say; `TooLong` for values of more bytes than fit.
    pub fn encode(&self, version: ProxyVersion) -> Result<Vec<u8>, ProxyHeaderError> {
        match version {
            ProxyVersion::V1 => v1::encode(self),
            ProxyVersion::V2 => v2::encode(self),
        }
    }
}
