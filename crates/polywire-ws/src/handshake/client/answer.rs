//! The head of an HTTP answer.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// How each answer begins.
pub(crate) const HTTP: &[u8] = b"HTTP/1.";

/// Headers that an answer may have.
const MAX_HEADERS: usize = 128;

/// The head of an answer in HTTP/1.0 or 1.1 (RFC 9112 section 4).
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 or 1.
    pub(crate) minor: u8,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    /// Understands a whole head. `Err` tells what is wrong with it.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, String> {
        let malformed = || String::from("the answer is malformed HTTP");
        let mut room = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut room);
        match answer.parse(head) {
            Ok(httparse::Status::Complete(len)) if len == head.len() => {}
            Ok(_) => return Err(malformed()),
            Err(error) => return Err(format!("the answer is malformed HTTP: {error}")),
        }
        let (Some(minor), Some(code)) = (answer.version, answer.code) else {
            return Err(malformed());
        };
        let status = StatusCode::from_u16(code).map_err(|_| malformed())?;
        let mut headers = HeaderMap::with_capacity(answer.headers.len());
        for header in &*answer.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| malformed())?;
            let mut value = HeaderValue::from_bytes(header.value).map_err(|_| malformed())?;
            value.set_sensitive(name.as_str().starts_with("set-cookie"));
            headers.append(name, value);
        }
        Ok(Self { minor, status, headers })
    }
}

/// Whether a head is that of an answer that is not the last: 1xx, but for the upgrade itself.
pub(crate) fn is_interim(head: &[u8]) -> bool {
    let status = head.get(HTTP.len() + 2..HTTP.len() + 5);
    status.is_some_and(|status| {
        status[0] == b'1' && status != b"101" && status.iter().all(u8::is_ascii_digit)
    })
}
