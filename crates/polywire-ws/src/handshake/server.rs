//! The handshake of the end that accepts.

mod check;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::StatusCode;
use polywire_core::CloseReason;
use polywire_core::stream::{Decoded, Item};
use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::Request;

use crate::handshake::head::{HeadFinder, Unfit};
use crate::handshake::{describe, elements, refused};

/// Bytes within which the first word of a request must end.
const MAX_METHOD_BYTES: usize = 16;

/// Waits for a request.
#[derive(Debug)]
pub(crate) struct Handshake {
    finder: HeadFinder,
    subprotocols: Arc<[String]>,
}

impl Handshake {
    /// Takes a request of at most `max` bytes; of the subprotocols it asks for, the first one in
    /// `subprotocols` is chosen.
    pub(crate) fn new(max: usize, subprotocols: Arc<[String]>) -> Self {
        Self { finder: HeadFinder::new(max), subprotocols }
    }

    /// Takes the request from the front of `input` and answers it.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Decoded<'static>, CloseReason> {
        if !begins_with_a_method(input) {
            return Err(refuse(StatusCode::BAD_REQUEST, "the request is not HTTP", out));
        }
        match self.finder.find(input) {
            Ok(None) => {
                let needed = input.len() + 1;
                Ok(Decoded { consumed: 0, item: Item::Incomplete { needed } })
            }
            Ok(Some(consumed)) => {
                self.answer(&input[..consumed], out)?;
                Ok(Decoded { consumed, item: Item::Ready })
            }
            Err(Unfit::TooLong) => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                Err(refuse(status, "the request's head is too long", out))
            }
            Err(Unfit::BareLineFeed) => {
                Err(refuse(StatusCode::BAD_REQUEST, "a line ends without CR", out))
            }
        }
    }

    /// Tells a peer that took too long.
    pub(crate) fn timed_out(out: &mut Vec<u8>) {
        write_error(StatusCode::REQUEST_TIMEOUT, "the handshake was not finished in time", out);
    }

    fn answer(&self, head: &[u8], out: &mut Vec<u8>) -> Result<(), CloseReason> {
        let request = match Request::try_parse(head) {
            Ok(Some((len, request))) if len == head.len() => request,
            Ok(_) => {
                return Err(refuse(StatusCode::BAD_REQUEST, "the request is malformed HTTP", out));
            }
            Err(error) => {
                let status = match error {
                    Error::Protocol(ProtocolError::WrongHttpMethod) => {
                        StatusCode::METHOD_NOT_ALLOWED
                    }
                    _ => StatusCode::BAD_REQUEST,
                };
                return Err(refuse(status, &describe(&error), out));
            }
        };
        let key = check::check(&request).map_err(|(status, text)| refuse(status, text, out))?;
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(derive_accept_key(key.as_bytes()).as_bytes());
        let asked = |own: &&String| {
            elements(request.headers(), "sec-websocket-protocol").any(|asked| asked == own.as_str())
        };
        if let Some(chosen) = self.subprotocols.iter().find(asked) {
            out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            out.extend_from_slice(chosen.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        Ok(())
    }
}

/// Whether `input` can be the beginning of a request: told at once of a peer that speaks something
/// else (TLS, say), instead of when it runs out of time.
fn begins_with_a_method(input: &[u8]) -> bool {
    let method = input.iter().position(|byte| *byte == b' ').unwrap_or(input.len());
    method < MAX_METHOD_BYTES && input[..method].iter().all(|byte| byte.is_ascii_uppercase())
}

fn refuse(status: StatusCode, text: &str, out: &mut Vec<u8>) -> CloseReason {
    tracing::debug!(%status, text, "refusing a handshake");
    write_error(status, text, out);
    refused(text)
}

fn write_error(status: StatusCode, text: &str, out: &mut Vec<u8>) {
    let more = match status {
        StatusCode::METHOD_NOT_ALLOWED => "Allow: GET\r\n",
        StatusCode::UPGRADE_REQUIRED => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        _ => "",
    };
    let length = text.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\n{more}Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n{text}\n",
    );
    out.extend_from_slice(answer.as_bytes());
}
