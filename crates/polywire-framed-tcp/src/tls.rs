//! A peer that speaks TLS where no TLS is spoken, known by its first bytes (RFC 8446 sections 4.1.2, 5.1 and 6).

/// What a listener ends such a client with.
pub(crate) const CLIENT: &str =
    "this looks like TLS: connect without TLS, or listen with `with_tls`";
/// And a client such a server.
pub(crate) const SERVER: &str = "this looks like TLS: connect with `with_tls`";

/// Whether `input` begins as a ClientHello in a record: the lengths of both have to agree, so that this is no message
/// of 22 bytes.
pub(crate) fn is_hello(input: &[u8]) -> bool {
    let &[0x16, 3, 0..=4, high, low, 1, 0, inner_high, inner_low, 3, 3, ..] = input else {
        return false;
    };
    let (record, hello) = ([high, low], [inner_high, inner_low]);
    u16::from_be_bytes(record).checked_sub(4) == Some(u16::from_be_bytes(hello))
}

/// Whether `input` is an alert and nothing else: then the peer has given up.
pub(crate) fn is_alert(input: &[u8]) -> bool {
    matches!(input, [0x15, 3, 0..=4, 0, 2, 1 | 2, _])
}
