//! The opening handshake (RFC 6455 section 4): an HTTP/1.1 request and its answer.

pub(crate) mod client;
pub(crate) mod head;
pub(crate) mod server;

use std::io;

use http::HeaderMap;
use http::header::AsHeaderName;
use polywire_core::CloseReason;

/// Why a handshake failed.
fn refused(text: impl Into<String>) -> CloseReason {
    CloseReason::HandshakeRefused(text.into().into())
}

/// The elements of a header that is a list, over all its lines (RFC 9110 section 5.6.1).
pub(crate) fn elements(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// Whether `name` can be the name of a subprotocol (RFC 6455 section 4.1, item 10).
pub(crate) fn check_token(name: &str) -> io::Result<()> {
    let separator = |byte: u8| b"()<>@,;:\\\"/[]?={}".contains(&byte);
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !separator(byte)) {
        return Ok(());
    }
    let text = format!("'{name}' is not a subprotocol: use printable ASCII without separators");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
