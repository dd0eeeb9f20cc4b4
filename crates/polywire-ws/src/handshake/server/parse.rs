//! From the bytes of a request's head to its parts.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use httparse::{EMPTY_HEADER, Error, Status};

use crate::handshake::server::check::{Refusal, bad, names_host};

/// Headers that a request may have: browsers send some 20.
const MAX_HEADERS: usize = 124;

/// A request without a body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    /// Of methods that are not served here it may be of another form.
    pub(super) target: Result<Uri, Refusal>,
    pub(super) headers: HeaderMap,
    pub(super) version: Version,
}

/// Takes apart what ends with an empty line.
pub(super) fn parse(head: &[u8]) -> Result<Head, Refusal> {
    // The values of the headers are slices of it.
    let head = Bytes::copy_from_slice(head);
    let mut lines = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut lines);
    match request.parse(&head) {
        Ok(Status::Complete(len)) if len == head.len() => {}
        Ok(_) => return Err(bad("the request is malformed HTTP")),
        Err(Error::TooManyHeaders) => {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err((status, "the request has too many headers"));
        }
        Err(Error::Version) => return Err(bad("the version of HTTP is not 1.1")),
        Err(_) => return Err(bad("the request is malformed HTTP")),
    }
    let method = request.method.and_then(|method| method.parse().ok());
    let target = request.path.unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for line in request.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(bad("a header is malformed"));
        };
        headers.append(name, value);
    }
    let version = if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let method = method.ok_or_else(|| bad("the request is malformed HTTP"))?;
    Ok(Head { target: uri_of(target, &head), method, headers, version })
}

/// The target of a request in origin form, or in absolute form (RFC 9112 section 3.2).
fn uri_of(target: &str, head: &Bytes) -> Result<Uri, Refusal> {
    let uri = Uri::from_maybe_shared(head.slice_ref(target.as_bytes()));
    // RFC 3986 section 3.5: what stands behind '#' is the browser's own.
    let is_whole = |uri: &Uri| uri.path().starts_with('/') && !target.contains('#');
    let uri = uri.ok().filter(is_whole).ok_or_else(|| bad("the request's target is no path"))?;
    match uri.authority() {
        Some(authority) if !names_host(authority.as_str()) => {
            Err(bad("the host in the request's target is no host and port"))
        }
        _ => Ok(uri),
    }
}
