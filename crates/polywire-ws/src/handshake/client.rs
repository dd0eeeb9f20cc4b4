//! The handshake of the end that connects.

#[cfg(test)]
mod tests;

use http::{HeaderMap, StatusCode};
use polywire_core::CloseReason;
use polywire_core::stream::{Decoded, Item};
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;

use crate::connect_config::WsConnectConfig;
use crate::handshake::head::{HeadFinder, Unfit};
use crate::handshake::{describe, elements, refused};
use crate::url::WsUrl;

/// How each answer begins.
const HTTP: &[u8] = b"HTTP/1.";

/// A request, until its answer has come.
#[derive(Debug)]
pub(crate) struct Handshake {
    request: String,
    accept: String,
    subprotocols: Vec<String>,
    finder: HeadFinder,
    /// Bytes that the answer may have, with what comes before it.
    max: usize,
}

/// Whether a head is that of an answer that is not the last: 1xx, but for the upgrade itself.
fn is_interim(head: &[u8]) -> bool {
    let status = head.get(HTTP.len() + 2..HTTP.len() + 5);
    status.is_some_and(|status| {
        status[0] == b'1' && status != b"101" && status.iter().all(u8::is_ascii_digit)
    })
}

impl Handshake {
    /// The request for `url`. The configuration has been checked.
    pub(crate) fn new(url: &WsUrl, config: &WsConnectConfig) -> Self {
        let key = generate_key();
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
            url.path(),
            url.host(),
        );
        if !config.subprotocols.is_empty() {
            let list = config.subprotocols.join(", ");
            request += &format!("Sec-WebSocket-Protocol: {list}\r\n");
        }
        for (name, value) in &config.headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        Self {
            request,
            accept: derive_accept_key(key.as_bytes()),
            subprotocols: config.subprotocols.clone(),
            finder: HeadFinder::new(config.max_handshake_size),
            max: config.max_handshake_size,
        }
    }

    pub(crate) fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.as_bytes());
    }

    /// Takes the answer from the front of `input`.
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<Decoded<'static>, CloseReason> {
        if !input.iter().zip(HTTP).all(|(byte, expected)| byte == expected) {
            return Err(refused("the peer does not answer in HTTP"));
        }
        match self.finder.find(input) {
            Ok(None) => {
                let needed = input.len() + 1;
                Ok(Decoded { consumed: 0, item: Item::Incomplete { needed } })
            }
            Ok(Some(consumed)) if is_interim(&input[..consumed]) => {
                // RFC 9110 section 15.2: there may be some before the answer. All count against the limit.
                self.max = self.max.saturating_sub(consumed);
                self.finder = HeadFinder::new(self.max);
                Ok(Decoded { consumed, item: Item::Skip })
            }
            Ok(Some(consumed)) => {
                self.check(&input[..consumed])?;
                Ok(Decoded { consumed, item: Item::Ready })
            }
            Err(Unfit::TooLong) => Err(refused("the answer's head is too long")),
            Err(Unfit::BareLineFeed) => Err(refused("a line of the answer ends without CR")),
        }
    }

    /// Whether the answer is the one that RFC 6455 section 4.1 asks for.
    fn check(&self, head: &[u8]) -> Result<(), CloseReason> {
        let response = match Response::try_parse(head) {
            Ok(Some((len, response))) if len == head.len() => response,
            Ok(_) => return Err(refused("the answer is malformed HTTP")),
            Err(error) => return Err(refused(describe(&error))),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused(format!("HTTP {}", response.status())));
        }
        let headers = response.headers();
        if !elements(headers, "upgrade").any(|value| value.eq_ignore_ascii_case("websocket")) {
            return Err(refused("the answer has no 'Upgrade: websocket'"));
        }
        if !elements(headers, "connection").any(|value| value.eq_ignore_ascii_case("upgrade")) {
            return Err(refused("the answer has no 'Connection: Upgrade'"));
        }
        let mut accepts = headers.get_all("sec-websocket-accept").iter();
        let is_right = accepts.next().is_some_and(|value| value == &self.accept);
        if !is_right || accepts.next().is_some() {
            return Err(refused("Sec-WebSocket-Accept is missing or does not fit the request"));
        }
        if headers.contains_key("sec-websocket-extensions") {
            return Err(refused("the peer uses an extension that was not asked for"));
        }
        self.check_subprotocol(headers)
    }

    fn check_subprotocol(&self, headers: &HeaderMap) -> Result<(), CloseReason> {
        let mut chosen = elements(headers, "sec-websocket-protocol");
        match (chosen.next(), chosen.next()) {
            (None, _) if self.subprotocols.is_empty() => Ok(()),
            (None, _) => Err(refused("the peer speaks none of the subprotocols asked for")),
            (Some(one), None) if self.subprotocols.iter().any(|asked| asked == one) => Ok(()),
            _ => Err(refused("the peer chose a subprotocol that was not asked for")),
        }
    }
}
