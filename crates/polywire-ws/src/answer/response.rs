//! Answering over HTTP.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use crate::answer::{fault_among, fault_of};

/// An answer over HTTP (RFC 9110), after which the connection is closed: a refusal, a page, a health check.
///
/// `Content-Length`, `Connection: close`, `Date`, and for HTTP 405 and 426 what these statuses need are added.
/// A `HEAD` request gets the same without the body; an answer of status 204, 205 or 304 has none.
///
/// ```
/// use polywire_ws::Response;
///
/// let unknown = Response::text(401, "who are you?").with_header("WWW-Authenticate", "Bearer");
/// let health = Response::new(204);
/// let metrics = Response::new(200)
///     .with_content_type("application/json")
///     .with_body(r#"{"rooms":3}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) content_type: Option<String>,
}

impl Response {
    /// An answer without a body. `status` is one of 200 to 599.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An answer of plain text in UTF-8.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status).with_content_type("text/plain; charset=utf-8").with_body(text.into())
    }

    /// A page in HTML, in UTF-8. Escape what a peer has had a hand in.
    pub fn html(status: u16, page: impl Into<String>) -> Self {
        Self::new(status).with_content_type("text/html; charset=utf-8").with_body(page.into())
    }

    /// Adds a header, such as `Retry-After`.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body: text, a `Vec<u8>`, or [`Bytes`], which all answers made of clones of it share.
    ///
    /// It may be of any length. A peer has [`Limits::linger`](polywire_core::Limits::linger) (5 s) to read it, and
    /// after that as long as it takes [`Limits::min_message_rate`](polywire_core::Limits::min_message_rate)
    /// (1024 bytes a second) over each [`Limits::stall_timeout`](polywire_core::Limits::stall_timeout) (30 s). What
    /// waits for it counts for [`NodeLimits::max_buffered`](polywire_core::limits::NodeLimits::max_buffered).
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets what the body is, as a media type. Default: `application/octet-stream`.
    pub fn with_content_type(mut self, media_type: impl Into<String>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    /// The status, if it is one that ends a request.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status).ok().filter(|status| matches!(status.as_u16(), 200..=599))
    }

    /// Why it can't be sent.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.status().is_none() {
            return Some(format!("the status {}: use one of 200 to 599", self.status));
        }
        let media_type = self.content_type.as_deref();
        if media_type.is_some_and(|it| HeaderValue::from_str(it).is_err()) {
            return fault_of("Content-Type", media_type.unwrap_or_default());
        }
        fault_among(&self.headers)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("content_type", &self.content_type)
            .field("body_len", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_a_fault_that_says_what_to_do() {
        for status in [0, 100, 101, 199, 600, 1000] {
            let fault = Response::new(status).fault().unwrap();
            assert!(fault.contains("200 to 599"), "{fault}");
        }
        assert!(Response::text(200, "x").with_header("Connection", "keep-alive").fault().is_some());
        assert!(Response::new(200).with_content_type("a\r\nB: c").fault().is_some());
        assert_eq!(Response::html(404, "x").with_header("Retry-After", "1").fault(), None);
    }
}
