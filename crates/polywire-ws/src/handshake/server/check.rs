//! What a request must be to be answered by the program.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, StatusCode, Version};

use crate::handshake::elements;

/// Bytes of a key in base64 (RFC 6455 section 4.1, item 7): sixteen, in 24 characters.
const KEY_LEN: usize = 24;

/// Why a request is refused.
pub(super) type Refusal = (StatusCode, &'static str);

/// Whether a request is meant to be an upgrade: one that is not quite one is told what it lacks.
pub(super) fn is_upgrade(version: Version, headers: &HeaderMap) -> bool {
    // RFC 9110 section 7.8: HTTP/1.0 has no upgrades.
    version > Version::HTTP_10
        && (asks_for_websocket(headers) || headers.contains_key(SEC_WEBSOCKET_KEY))
}

/// Checks an upgrade and returns its key.
pub(super) fn upgrade<'a>(
    (method, version): (&Method, Version),
    headers: &'a HeaderMap,
) -> Result<&'a str, Refusal> {
    if *method != Method::GET {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "the method must be GET"));
    }
    if version < Version::HTTP_11 {
        return Err(bad("the version of HTTP is not 1.1"));
    }
    check_host(version, headers)?;
    // A body would be read as frames, or frames as a body: RFC 9112 section 6.
    if has_body(headers) {
        return Err(bad("a request with a body can't be upgraded"));
    }
    // RFC 9110 section 10.1.1: there is nothing to go on with.
    if headers.contains_key(EXPECT) {
        return Err((StatusCode::EXPECTATION_FAILED, "no 'Expect' can be met"));
    }
    if !elements(headers, CONNECTION).any(|option| option.eq_ignore_ascii_case("upgrade")) {
        return Err(bad("there is no 'Connection: Upgrade'"));
    }
    if !asks_for_websocket(headers) {
        return Err(bad("there is no 'Upgrade: websocket'"));
    }
    if headers.get_all(SEC_WEBSOCKET_VERSION).iter().count() > 1 {
        return Err(bad("there are two 'Sec-WebSocket-Version'"));
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err((StatusCode::UPGRADE_REQUIRED, "'Sec-WebSocket-Version' must be 13"));
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    key.ok_or_else(|| bad("there must be one 'Sec-WebSocket-Key', of 16 bytes in base64"))
}

/// Checks an ordinary request.
pub(super) fn page(
    (method, version): (&Method, Version),
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "the method must be GET or HEAD"));
    }
    check_host(version, headers)?;
    // RFC 9112 section 6.3: two parties that disagree on where a request ends see different requests.
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next().map_or(Some("0"), |length| length.to_str().ok());
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    if headers.contains_key(TRANSFER_ENCODING) || lengths.next().is_some() {
        return Err(bad("the length of the request's body is not clear"));
    }
    match length {
        Some("0") => {}
        Some(length) if is_number(length) => {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "the request must have no body"));
        }
        _ => return Err(bad("the 'Content-Length' is not a number")),
    }
    // There is no body to be sent once it may; a client of HTTP/1.0 knows no expectations.
    let is_expected = |value: &str| !value.eq_ignore_ascii_case("100-continue");
    if version > Version::HTTP_10 && elements(headers, EXPECT).any(is_expected) {
        return Err((StatusCode::EXPECTATION_FAILED, "no such 'Expect' can be met"));
    }
    Ok(())
}

/// RFC 9112 section 3.2.
fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let is_left_out = version < Version::HTTP_11 && !headers.contains_key(HOST);
    match only(headers, &HOST) {
        None if is_left_out => Ok(()),
        None => Err(bad("there must be one 'Host'")),
        Some(host) if is_host(host) => Ok(()),
        Some(_) => Err(bad("the 'Host' is no host and port")),
    }
}

/// Whether it is a host and perhaps a port, as a target in absolute form has them: it has no user (RFC 9110 section
/// 4.2.4), and its host is not empty (section 4.2.1).
pub(super) fn names_host(authority: &str) -> bool {
    is_host(authority) && !authority.is_empty() && !authority.starts_with(':')
}

/// Whether it is a host, which may be empty, and perhaps a port (RFC 3986 sections 3.2.2 and 3.2.3).
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let is_fit = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.bytes().all(|byte| is_name(byte) || byte == b':'),
        None => host.bytes().all(is_name),
    };
    is_fit && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|len| len != "0")
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    elements(headers, UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

pub(super) fn bad(text: &'static str) -> Refusal {
    (StatusCode::BAD_REQUEST, text)
}

/// The value of a header that may be there once only.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether `key` is sixteen bytes in base64 (RFC 4648 section 4).
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_LEN
        && key.strip_suffix("==").is_some_and(|digits| digits.bytes().all(is_digit))
}
