//! The handshake of the end that connects.

pub(crate) mod answer;
pub(crate) mod body;
mod redirects;
mod refused;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use polywire_core::CloseReason;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Context, Decoded, Item};
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

use crate::connect_config::WsConnectConfig;
use crate::extensions::Extensions;
use crate::handshake::head::{HeadFinder, Unfit};
use crate::handshake::{elements, refused};
use crate::refusal::RedirectError;
use crate::response::WsResponse;
use crate::url::{Scheme, WsUrl};

use answer::{Answer, HTTP, is_interim};
use redirects::{Redirects, is_redirect};
use refused::Refused;
use request::request;

/// The first byte of an alert's record, before a version whose first byte is 3 (RFC 8446 section 5.1).
const TLS_ALERT: u8 = 0x15;

/// A request, until its answer has come.
#[derive(Debug)]
pub(crate) struct Handshake {
    is_secure: bool,
    request: String,
    accept: String,
    subprotocols: Vec<String>,
    pub(crate) extensions: Extensions,
    finder: HeadFinder,
    /// Bytes that the answer may have, with what comes before it.
    max: usize,
    /// The same of each answer.
    max_of_each: usize,
    timeout: Duration,
    /// The answer, once one has come that refuses.
    refused: Option<Box<Refused>>,
    /// If redirects are followed.
    redirects: Option<Box<Redirects>>,
    /// The answer, once one has come that accepts.
    response: Option<Arc<WsResponse>>,
}

impl Handshake {
    /// The request for `url`. The configuration has been checked.
    pub(crate) fn new(url: &WsUrl, config: &WsConnectConfig) -> Self {
        let key = generate_key();
        let redirects = || Box::new(Redirects::new(config, url));
        let extensions = Extensions::new(config.settings().deflate);
        let target = (url, config.scheme_of(url));
        Self {
            is_secure: config.scheme_of(url) == Scheme::Wss,
            request: request(target, config, &extensions, &key, true),
            accept: derive_accept_key(key.as_bytes()),
            subprotocols: config.subprotocols.clone(),
            extensions,
            finder: HeadFinder::new(config.max_handshake_size),
            max: config.max_handshake_size,
            max_of_each: config.max_handshake_size,
            timeout: config.tcp.limits.handshake_timeout,
            refused: None,
            redirects: (config.max_redirects > 0).then(redirects),
            response: None,
        }
    }

    pub(crate) fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.as_bytes());
    }

    /// Takes the answer from the front of `input`.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        cx: &Context<'_>,
    ) -> Result<Decoded<'static>, CloseReason> {
        if let Some(refused) = &mut self.refused {
            return match refused.push(input) {
                true => Err(self.refusal()),
                false => Ok(Decoded { consumed: input.len(), item: Item::Skip }),
            };
        }
        if !input.iter().zip(HTTP).all(|(byte, expected)| byte == expected) {
            return Err(refused(match input {
                // What it is can be told by the next byte.
                [TLS_ALERT] => {
                    return Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: 2 } });
                }
                [TLS_ALERT, 3, ..] => "the peer answers in TLS: connect to `wss://`",
                _ => "the peer does not answer in HTTP",
            }));
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
                let answer = Answer::parse(&input[..consumed]).map_err(refused)?;
                if answer.status != StatusCode::SWITCHING_PROTOCOLS {
                    self.refuse(answer, cx.now())?;
                    return Ok(Decoded { consumed, item: Item::Skip });
                }
                self.check(answer)?;
                Ok(Decoded { consumed, item: Item::Ready })
            }
            Err(Unfit::TooLong) => Err(refused("the answer's head is too long")),
            Err(Unfit::BareLineFeed) => Err(refused("a line of the answer ends without CR")),
        }
    }

    /// The answer is none that accepts. An error if nothing of it is to be waited for.
    fn refuse(&mut self, answer: Answer, now: Instant) -> Result<(), CloseReason> {
        let followed = match &mut self.redirects {
            _ if !is_redirect(answer.status) => None,
            None => Some(Err(RedirectError::NotAsked)),
            Some(redirects) => Some(redirects.note(&answer.headers)),
        };
        let error = followed.and_then(Result::err);
        let mut refused = Refused::new(answer, error, (now, self.timeout));
        let is_all = followed == Some(Ok(())) || refused.push(&[]);
        self.refused = Some(Box::new(refused));
        if is_all { Err(self.refusal()) } else { Ok(()) }
    }

    /// The reason of an answer that refuses.
    fn refusal(&mut self) -> CloseReason {
        match self.refused.take() {
            Some(refused) => refused.into_reason(),
            None if self.is_secure => refused("closed during the handshake"),
            None => refused("closed during the handshake: does it expect wss://?"),
        }
    }

    /// When no more of a refusal's body is waited for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.refused.as_ref()?.deadline
    }

    /// That deadline is over.
    pub(crate) fn expire(&mut self) -> Result<(), CloseReason> {
        if self.refused.is_some() { Err(self.refusal()) } else { Ok(()) }
    }

    /// The stream has ended.
    pub(crate) fn end_of_stream(&mut self) -> CloseReason {
        self.refusal()
    }

    /// As [`Protocol::open_failed`](polywire_core::stream::Protocol::open_failed).
    pub(crate) fn open_failed(&mut self, reason: &mut CloseReason) -> Option<RemoteAddr> {
        if self.refused.is_some() {
            // A stream that was cut tells less than what came before.
            *reason = self.refusal();
        }
        let redirects = self.redirects.as_mut()?;
        let server = redirects.follow()?;
        let key = generate_key();
        let target = (&redirects.url, redirects.scheme);
        self.is_secure = redirects.scheme == Scheme::Wss;
        self.request =
            request(target, &redirects.config, &self.extensions, &key, redirects.with_credentials);
        self.accept = derive_accept_key(key.as_bytes());
        self.max = self.max_of_each;
        self.finder = HeadFinder::new(self.max);
        Some(server)
    }

    /// The answer, once it has accepted.
    pub(crate) fn response(&mut self) -> Option<Arc<WsResponse>> {
        self.response.take()
    }

    /// Whether the answer is the one that RFC 6455 section 4.1 asks for.
    fn check(&mut self, answer: Answer) -> Result<(), CloseReason> {
        if answer.minor == 0 {
            return Err(refused("the answer is of HTTP version 1.0, which has no upgrade"));
        }
        let headers = &answer.headers;
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
        self.extensions.confirm(headers).map_err(refused)?;
        let subprotocol = self.subprotocol(headers)?;
        let (status, headers) = (answer.status.as_u16(), answer.headers);
        self.response = Some(Arc::new(WsResponse { status, headers, subprotocol }));
        Ok(())
    }

    /// The one that the peer has chosen.
    fn subprotocol(&self, headers: &HeaderMap) -> Result<Option<String>, CloseReason> {
        let mut chosen = elements(headers, "sec-websocket-protocol");
        match (chosen.next(), chosen.next()) {
            (None, _) if self.subprotocols.is_empty() => Ok(None),
            (None, _) => Err(refused("the peer speaks none of the subprotocols asked for")),
            (Some(one), None) if self.subprotocols.iter().any(|asked| asked == one) => {
                Ok(Some(one.into()))
            }
            _ => Err(refused("the peer chose a subprotocol that was not asked for")),
        }
    }
}
