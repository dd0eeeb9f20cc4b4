//! The answer to a request, as it is sent.

use std::fmt::Write;

use bytes::Bytes;
use http::{Method, StatusCode};
use tungstenite::handshake::derive_accept_key;

use crate::answer::Response;
use crate::http_date::HttpDate;

/// Writes what makes a request with that key a WebSocket connection (RFC 6455 section 4.2.2).
pub(super) fn write_acceptance(
    key: &str,
    own: &[(&str, Option<&str>)],
    headers: &[(String, String)],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Accept: ",
    );
    out.extend_from_slice(derive_accept_key(key.as_bytes()).as_bytes());
    let own = own.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.chain(headers) {
        for part in ["\r\n", name, ": ", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// Writes the head of `response`, which has no fault, and returns the body that belongs behind it.
pub(super) fn write_response(
    response: &Response,
    method: &Method,
    takes_head: bool,
    out: &mut Vec<u8>,
) -> Bytes {
    let status = response.status().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or_default();
    // RFC 9110 section 7.8: who sends `Upgrade` names it here, so that no proxy passes it on.
    let upgrade = if status == StatusCode::UPGRADE_REQUIRED { ", Upgrade" } else { "" };
    let code = status.as_u16();
    let mut head = format!("HTTP/1.1 {code} {reason}\r\nConnection: close{upgrade}\r\n");
    let has =
        |name: &str| response.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    if !has("Date") {
        let _ = write!(head, "Date: {}\r\n", HttpDate::now());
    }
    match status {
        StatusCode::METHOD_NOT_ALLOWED if !has("Allow") => {
            head += if takes_head { "Allow: GET, HEAD\r\n" } else { "Allow: GET\r\n" };
        }
        StatusCode::UPGRADE_REQUIRED => {
            head += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        }
        _ => {}
    }
    // RFC 9110 sections 8.6, 15.3.5, 15.3.6 and 15.4.5.
    let may_have_body = !matches!(status.as_u16(), 204 | 205 | 304);
    if may_have_body && (!response.body.is_empty() || response.content_type.is_some()) {
        let media_type = response.content_type.as_deref().unwrap_or("application/octet-stream");
        if !has("Content-Type") {
            let _ = write!(head, "Content-Type: {media_type}\r\n");
        }
    }
    if may_have_body || status == StatusCode::RESET_CONTENT {
        let length = if may_have_body { response.body.len() } else { 0 };
        let _ = write!(head, "Content-Length: {length}\r\n");
    }
    for (name, value) in &response.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head += "\r\n";
    out.extend_from_slice(head.as_bytes());
    match may_have_body && *method != Method::HEAD {
        true => response.body.clone(),
        false => Bytes::new(),
    }
}
