//! What a request must be to be upgraded.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Request, StatusCode};

use crate::handshake::elements;

/// Bytes of a key in base64 (RFC 6455 section 4.1, item 7): sixteen, in 24 characters.
const KEY_LEN: usize = 24;

/// Why a request is refused.
pub(super) type Refusal = (StatusCode, &'static str);

/// Checks a `GET` and returns its key.
pub(super) fn check(request: &Request<()>) -> Result<&str, Refusal> {
    let headers = request.headers();
    // RFC 9112 section 3.2.
    only(headers, &HOST).ok_or_else(|| bad("there must be one 'Host'"))?;
    // A body would be read as frames, or frames as a body: RFC 9112 section 6.
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|len| len != "0");
    if has_body {
        return Err(bad("a request with a body can't be upgraded"));
    }
    // RFC 9110 section 10.1.1: there is nothing to go on with.
    if headers.contains_key(EXPECT) {
        return Err((StatusCode::EXPECTATION_FAILED, "no 'Expect' can be met"));
    }
    if !elements(headers, CONNECTION).any(|option| option.eq_ignore_ascii_case("upgrade")) {
        return Err(bad("there is no 'Connection: Upgrade'"));
    }
    if !elements(headers, UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
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

fn bad(text: &'static str) -> Refusal {
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
