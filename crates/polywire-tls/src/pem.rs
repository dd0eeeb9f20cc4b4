//! What is wrong with text that holds no certificate or no key.

use std::fmt;

use rustls::pki_types::pem::Error;

use crate::config_error::TlsConfigError;

/// How DER begins: a sequence.
const SEQUENCE: u8 = 0x30;

/// Why `pem` does not hold `what`, and what to do.
pub(crate) fn refused(what: &'static str, pem: &[u8], error: &Error) -> TlsConfigError {
    let why: &dyn fmt::Display = match error {
        _ if holds(pem, "ENCRYPTED") && what.contains("key") => {
            &"it is encrypted: decrypt it with `openssl pkey -in encrypted.pem -out key.pem`"
        }
        Error::NoItemsFound if pem.first() == Some(&SEQUENCE) => {
            &"it looks like DER: use `from_der`, or make it PEM with `openssl`"
        }
        Error::NoItemsFound if holds(pem, "-----BEGIN CERTIFICATE-----") => {
            &"it holds none, but a certificate: are the two swapped?"
        }
        Error::NoItemsFound if holds(pem, "PRIVATE KEY-----") => {
            &"it holds none, but a key: are the two swapped?"
        }
        Error::NoItemsFound => &"it holds none",
        error => error,
    };
    TlsConfigError::malformed(what, why)
}

fn holds(pem: &[u8], text: &str) -> bool {
    pem.windows(text.len()).any(|window| window == text.as_bytes())
}
