//! What a header of version 2 says beside addresses: values with a type and a length (section 2.2 of the
//! specification).

use crate::error::ProxyHeaderError;

/// The protocol that the client and the proxy agreed on, as in TLS' ALPN: `h2`, `http/1.1`.
pub const ALPN: u8 = 0x01;
/// The host name that the client asked for, as in TLS' SNI; UTF-8.
pub const AUTHORITY: u8 = 0x02;
/// The CRC32C checksum of the header. Checked when it is received, and not among its values after that. If it is
/// wrong, the header is refused, and of a `LOCAL` one only the values are dropped.
pub const CRC32C: u8 = 0x03;
/// Fills up. Not among the values of a header that was received.
pub const NOOP: u8 = 0x04;
/// What the proxy calls the connection; at most 128 bytes.
pub const UNIQUE_ID: u8 = 0x05;
/// What is known of the client's TLS connection; see [`ProxySsl`](crate::ProxySsl).
pub const SSL: u8 = 0x20;
/// In [`SSL`]: the version, such as `TLSv1.3`.
pub const SSL_VERSION: u8 = 0x21;
/// In [`SSL`]: the common name of the client's certificate; UTF-8.
pub const SSL_CN: u8 = 0x22;
/// In [`SSL`]: the cipher.
pub const SSL_CIPHER: u8 = 0x23;
/// In [`SSL`]: the algorithm that signed the proxy's certificate.
pub const SSL_SIG_ALG: u8 = 0x24;
/// In [`SSL`]: the algorithm of the key of the proxy's certificate.
pub const SSL_KEY_ALG: u8 = 0x25;
/// In [`SSL`]: the client's certificate (DER).
pub const SSL_CLIENT_CERT: u8 = 0x28;
/// The name of the network namespace.
pub const NETNS: u8 = 0x30;

/// The bytes of a type and a length.
const HEAD: usize = 3;

/// Values one after the other, each with its type. Ends where one is cut.
#[derive(Clone, Debug)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The first value of that type.
    pub(crate) fn find(mut self, kind: u8) -> Option<&'a [u8]> {
        Some(self.find_map(|(other, value)| (other == kind).then_some(value))).flatten()
    }

    /// Whether something is left that is no whole value.
    pub(crate) fn is_cut(&self) -> bool {
        !self.0.is_empty()
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[kind, high, low], rest) = self.0.split_first_chunk::<HEAD>()?;
        let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        self.0 = rest;
        Some((kind, value))
    }
}

/// Adds a value. One that is too long for its length makes the whole longer than any header can be, which is
/// an error then.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.push(kind);
    out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(value);
}

/// What a received header says, and where its checksum is.
pub(crate) struct Received {
    /// Without the checksum and what fills up.
    pub(crate) tlvs: Vec<u8>,
    /// Where in the block the checksum is.
    pub(crate) checksum: Option<usize>,
}

/// Takes a block of values apart.
pub(crate) fn receive(block: &[u8]) -> Result<Received, ProxyHeaderError> {
    let (mut tlvs, mut checksum) = (Vec::new(), None);
    let mut rest = Tlvs::new(block);
    let mut at = 0;
    for (kind, value) in rest.by_ref() {
        match kind {
            CRC32C if value.len() != 4 => {
                return Err(ProxyHeaderError::Malformed("a checksum has four bytes"));
            }
            CRC32C if checksum.is_some() => {
                return Err(ProxyHeaderError::Malformed("two checksums"));
            }
            CRC32C => checksum = Some(at + HEAD),
            NOOP => {}
            _ => put(&mut tlvs, kind, value),
        }
        at += HEAD + value.len();
    }
    match rest.is_cut() {
        true => Err(ProxyHeaderError::Malformed("a value is longer than the header")),
        false => Ok(Received { tlvs, checksum }),
    }
}
