//! What a program answers to a request.

mod accept;
mod response;

pub use accept::Accept;
pub use response::Response;

use http::{HeaderName, HeaderValue};

/// What becomes of a [`WsRequest`](crate::WsRequest): returned by the hook of
/// [`WsListenConfig::with_on_request`](crate::WsListenConfig::with_on_request), or given to
/// [`network.control`](polywire_core::network::NetworkController::control) after [`Answer::Later`].
///
/// A hook returns an [`Accept`] or a [`Response`] as it is where it always returns the same of the two; where it
/// chooses, `.into()` makes an `Answer` of each.
///
/// ```
/// use polywire_ws::{Accept, Answer, Response, WsListenConfig, WsRequest};
///
/// fn answer(request: &WsRequest) -> Answer {
///     match (request.path(), request.is_upgrade()) {
///         ("/chat", true) => Accept::new().into(),
///         ("/", false) => Response::html(200, "<h1>Hello</h1>").into(),
///         _ => Response::text(404, "no such page").into(),
///     }
/// }
///
/// let config = WsListenConfig::default().with_on_request(answer);
/// ```
///
/// What can't be sent is answered with HTTP 500 instead, and an error in the log says what to change: a status
/// that is none of 200 to 599, a header with a line break, a header that the answer has of itself (`Connection`,
/// `Content-Length`, `Sec-WebSocket-Accept` and the like), a subprotocol that the client did not ask for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Makes it a WebSocket connection. To a request that is no upgrade it is HTTP 426, which says that it must be one.
    Accept(Accept),
    /// Answers over HTTP, and closes the connection: a refusal of an upgrade, or the page that was asked for.
    Respond(Response),
    /// The answer comes later, within [`Limits::handshake_timeout`](polywire_core::Limits::handshake_timeout)
    /// of the connection: [`network.control(request.resource_id(), answer)`](crate::WsRequest::resource_id),
    /// on any thread, with an [`Accept`], a [`Response`] or an `Answer`. Without one the client gets HTTP 503, and
    /// a warning is logged.
    ///
    /// Those that wait for an answer count as handshakes: of more than
    /// [`Limits::max_handshakes`](polywire_core::Limits::max_handshakes) the oldest is closed. A client must not
    /// send anything meanwhile (RFC 6455 section 4.1); what it sends nevertheless is kept up to
    /// [`max_handshake_size`](crate::WsListenConfig::max_handshake_size), and more is answered with HTTP 400.
    Later,
}

impl From<Accept> for Answer {
    fn from(accept: Accept) -> Self {
        Self::Accept(accept)
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

/// Headers that an answer has of itself, or that would change where it ends, in lower case.
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why a header of the program's can't be part of an answer.
fn fault_of(name: &str, value: &str) -> Option<String> {
    let why = match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        (Err(_), _) => "this is not a name of a header",
        (_, Err(_)) => "its value must be visible ASCII, in one line",
        (Ok(name), Ok(_)) if is_own(name.as_str()) => "the answer has it of itself: leave it out",
        (Ok(_), Ok(_)) => return None,
    };
    Some(format!("the header '{}': {why}", name.escape_default()))
}

fn is_own(name: &str) -> bool {
    OWN_HEADERS.contains(&name) || name.starts_with("sec-websocket-")
}

/// The first fault among headers.
fn fault_among(headers: &[(String, String)]) -> Option<String> {
    headers.iter().find_map(|(name, value)| fault_of(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_would_change_the_answer_are_faults() {
        for name in ["Connection", "content-length", "Transfer-Encoding", "Sec-WebSocket-Accept"] {
            let fault = fault_of(name, "x").unwrap();
            assert!(fault.contains(name) && fault.contains("leave it out"), "{fault}");
        }
        for (name, value) in
            [("", "x"), ("A B", "x"), ("A:", "x"), ("A\r\nB", "x"), ("A", "x\r\nB: y"), ("A", "\0")]
        {
            assert!(fault_of(name, value).is_some(), "{name}: {value}");
        }
        for (name, value) in [("Set-Cookie", "a=b; HttpOnly"), ("X-Empty", ""), ("Date", "today")] {
            assert_eq!(fault_of(name, value), None);
        }
    }
}
