//! The handshake of the end that accepts.

mod answering;
mod check;
mod parse;
mod policy;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, StatusCode};
use polywire_core::CloseReason;
use polywire_core::stream::{Context, Decoded, Item, Progress};

use crate::answer::{Accept, Answer, Response};
use crate::extensions::Extensions;
use crate::handshake::head::{HeadFinder, Unfit};
use crate::handshake::{elements, refused};
use crate::on_request::internal_error;
use crate::request::WsRequest;
use crate::shared::Facts;

use answering::{write_acceptance, write_response};
use check::Refusal;

pub(crate) use policy::Policy;

/// Bytes within which the first word of a request must end.
const MAX_METHOD_BYTES: usize = 16;

/// The first byte of a ClientHello's record, before a version whose first byte is 3 (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Bytes of a body that are sent along with the head: a longer one is shared by all who get it.
const MAX_COPIED_BYTES: usize = 4096;

/// Waits for a request, and for what the program answers.
#[derive(Debug)]
pub(crate) struct Handshake {
    policy: Arc<Policy>,
    pub(crate) extensions: Extensions,
    stage: Stage,
    /// The rest of an answer that ends the connection.
    last_words: Bytes,
}

#[derive(Debug)]
enum Stage {
    /// The head is not whole.
    Head(HeadFinder),
    /// The program answers later.
    Undecided(Box<Asked>),
}

/// A request, and what is not the program's concern of it.
#[derive(Debug)]
struct Asked {
    request: WsRequest,
    /// Of an upgrade.
    key: String,
}

impl Handshake {
    pub(crate) fn new(policy: Arc<Policy>, extensions: Extensions) -> Self {
        let stage = Stage::Head(HeadFinder::new(policy.max_head));
        Self { policy, extensions, stage, last_words: Bytes::new() }
    }

    /// Takes the request from the front of `input`, and answers it unless the program does so later.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        cx: &mut Context<'_>,
        facts: Option<&Facts>,
    ) -> Result<Decoded<'static>, CloseReason> {
        let incomplete = Item::Incomplete { needed: input.len() + 1 };
        let Stage::Head(finder) = &mut self.stage else {
            // RFC 6455 section 4.1: a client waits for the answer before it sends anything.
            if input.len() > self.policy.max_head {
                let text = "something was sent before the answer";
                return Err(self.refuse((StatusCode::BAD_REQUEST, text), &Method::GET, cx.out));
            }
            return Ok(Decoded { consumed: 0, item: incomplete });
        };
        let unfit = match finder.find(input) {
            // What it is can be told by the next byte.
            Ok(None) if input == [TLS_HANDSHAKE] => {
                return Ok(Decoded { consumed: 0, item: incomplete });
            }
            _ if !begins_with_a_method(input) => (StatusCode::BAD_REQUEST, what_is_no_http(input)),
            Ok(None) => return Ok(Decoded { consumed: 0, item: incomplete }),
            Ok(Some(consumed)) => {
                let item = self.receive(&input[..consumed], cx, facts)?;
                return Ok(Decoded { consumed, item });
            }
            Err(Unfit::TooLong) => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too long")
            }
            Err(Unfit::BareLineFeed) => (StatusCode::BAD_REQUEST, "a line ends without CR"),
        };
        Err(self.refuse(unfit, &Method::GET, cx.out))
    }

    /// A whole head has come.
    fn receive(
        &mut self,
        head: &[u8],
        cx: &mut Context<'_>,
        facts: Option<&Facts>,
    ) -> Result<Item<'static>, CloseReason> {
        let asked = parse::parse(head)
            .map_err(|refusal| self.refuse(refusal, &Method::GET, cx.out))
            .and_then(|head| self.ask(head, cx));
        let mut asked = asked?;
        match self.policy.answer(&mut asked.request) {
            Answer::Later => {
                self.stage = Stage::Undecided(Box::new(asked));
                Ok(Item::Skip)
            }
            Answer::Accept(accept) => {
                self.accept(asked, accept, cx, facts)?;
                Ok(Item::Ready)
            }
            Answer::Respond(response) => Err(self.respond(&asked.request, &response, cx)),
        }
    }

    /// What is asked for, if it may be.
    fn ask(&mut self, head: parse::Head, cx: &mut Context<'_>) -> Result<Asked, CloseReason> {
        let parse::Head { method, target, mut headers, version } = head;
        let takes_pages = self.policy.on_request.is_some();
        let is_upgrade = !takes_pages || check::is_upgrade(version, &headers);
        let checked = if is_upgrade {
            check::upgrade((&method, version), &headers).map(str::to_owned)
        } else {
            check::page((&method, version), &headers).map(|()| String::new())
        };
        let checked = checked.and_then(|key| Ok((key, target?)));
        let (key, uri) = checked.map_err(|refusal| self.refuse(refusal, &method, cx.out))?;
        let named = uri.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok());
        if let Some(host) = named {
            headers.insert(HOST, host); // RFC 9112 section 3.2.2: the received one does not count.
        }
        let request = WsRequest {
            method,
            uri,
            headers,
            is_upgrade,
            params: Vec::new(),
            subprotocol: None,
            peer_addr: if takes_pages { cx.peer_addr() } else { None },
            resource_id: cx.resource_id(),
            facts: if takes_pages { cx.facts() } else { Vec::new() },
        };
        Ok(Asked { request, key })
    }

    /// The program says something: the answer that it owes, perhaps.
    pub(crate) fn control(
        &mut self,
        value: Box<dyn Any + Send>,
        cx: &mut Context<'_>,
        facts: Option<&Facts>,
    ) -> Result<Progress, CloseReason> {
        let Some(answer) = answer_in(value) else { return Ok(Progress::Unchanged) };
        let head = Stage::Head(HeadFinder::new(self.policy.max_head));
        let asked = match std::mem::replace(&mut self.stage, head) {
            Stage::Undecided(asked) => *asked,
            before @ Stage::Head(_) => {
                self.stage = before;
                return Ok(Progress::Unchanged);
            }
        };
        match answer {
            Answer::Accept(accept) => {
                self.accept(asked, accept, cx, facts)?;
                Ok(Progress::Ready)
            }
            Answer::Respond(response) => Err(self.respond(&asked.request, &response, cx)),
            Answer::Later => {
                self.stage = Stage::Undecided(Box::new(asked));
                Ok(Progress::Unchanged)
            }
        }
    }

    /// Lets the client in.
    fn accept(
        &mut self,
        asked: Asked,
        accept: Accept,
        cx: &mut Context<'_>,
        facts: Option<&Facts>,
    ) -> Result<(), CloseReason> {
        let Asked { mut request, key } = asked;
        if !request.is_upgrade {
            let response = Response::text(426, "this is a WebSocket: ask for an upgrade\n");
            return Err(self.respond(&request, &response, cx));
        }
        if let Some(fault) = accept.fault(&request) {
            return Err(self.blame(&request, &fault, cx));
        }
        let chosen = accept.subprotocol.or_else(|| {
            let is_asked = |own: &&String| {
                elements(&request.headers, "sec-websocket-protocol").any(|it| it == own.as_str())
            };
            self.policy.subprotocols.iter().find(is_asked).cloned()
        });
        let extensions = self.extensions.accept(&request.headers);
        let own = [
            ("Sec-WebSocket-Protocol", chosen.as_deref()),
            ("Sec-WebSocket-Extensions", extensions.as_deref()),
        ];
        write_acceptance(&key, &own, &accept.headers, cx.out);
        request.subprotocol = chosen;
        if let Some(facts) = facts.filter(|_| self.policy.on_request.is_some()) {
            facts.note_request(request, accept.value);
        }
        Ok(())
    }

    /// Answers over HTTP, which ends the connection for the reason that is returned.
    fn respond(
        &mut self,
        request: &WsRequest,
        response: &Response,
        cx: &mut Context<'_>,
    ) -> CloseReason {
        let Some(status) = response.status().filter(|_| response.fault().is_none()) else {
            let fault = response.fault().unwrap_or_default();
            return self.blame(request, &fault, cx);
        };
        let body = write_response(response, &request.method, true, cx.out);
        if body.len() <= MAX_COPIED_BYTES {
            cx.out.extend_from_slice(&body);
        } else {
            self.last_words = body;
        }
        if request.is_upgrade { refused(format!("HTTP {status}")) } else { CloseReason::Answered }
    }

    /// The program's answer can't be sent.
    fn blame(&mut self, request: &WsRequest, fault: &str, cx: &mut Context<'_>) -> CloseReason {
        if self.policy.may_warn(cx.now()) {
            tracing::error!(
                path = request.path(),
                "the answer to a request can't be sent: {fault}"
            );
        }
        self.respond(request, &internal_error(), cx)
    }

    /// Refuses what is not even shown to the program.
    fn refuse(&self, (status, text): Refusal, method: &Method, out: &mut Vec<u8>) -> CloseReason {
        tracing::debug!(%status, text, "refusing a handshake");
        let response = Response::text(status.as_u16(), format!("{text}\n"));
        let body = write_response(&response, method, self.policy.on_request.is_some(), out);
        out.extend_from_slice(&body);
        refused(text)
    }

    /// What goes out behind the answer that has ended the connection.
    pub(crate) fn last_words(&mut self) -> Bytes {
        std::mem::take(&mut self.last_words)
    }

    /// This side ends it: tells a peer that took too long, or whom the program did not answer.
    pub(crate) fn close(&self, reason: &CloseReason, cx: &mut Context<'_>) {
        let is_late = *reason == CloseReason::HandshakeTimeout;
        let (response, method) = match &self.stage {
            Stage::Undecided(asked) => {
                if is_late && self.policy.may_warn(cx.now()) {
                    let (id, path) = (asked.request.resource_id(), asked.request.path());
                    tracing::warn!(
                        endpoint = %id, path,
                        "no answer came to a request within Limits::handshake_timeout: answer it by \
                         network.control, or raise the timeout; the peer gets HTTP 503"
                    );
                }
                (Response::text(503, "no answer came in time\n"), &asked.request.method)
            }
            Stage::Head(_) if is_late => {
                (Response::text(408, "the handshake was not finished in time\n"), &Method::GET)
            }
            Stage::Head(_) => return,
        };
        let body = write_response(&response, method, true, cx.out);
        cx.out.extend_from_slice(&body);
    }
}

/// The program's answer, by whichever of its types.
fn answer_in(value: Box<dyn Any + Send>) -> Option<Answer> {
    let value = match value.downcast::<Answer>() {
        Ok(answer) => return Some(*answer),
        Err(value) => value,
    };
    match value.downcast::<Accept>() {
        Ok(accept) => Some((*accept).into()),
        Err(value) => value.downcast::<Response>().ok().map(|response| (*response).into()),
    }
}

/// What a peer that speaks something else is told.
fn what_is_no_http(input: &[u8]) -> &'static str {
    match input {
        [TLS_HANDSHAKE, 3, ..] => {
            "the request looks like TLS: connect to `ws://`, or listen with `with_tls`"
        }
        _ => "the request is not HTTP",
    }
}

/// Whether `input` can be the beginning of a request: told at once of a peer that speaks something
/// else (TLS, say), instead of when it runs out of time.
fn begins_with_a_method(input: &[u8]) -> bool {
    let method = input.iter().position(|byte| *byte == b' ').unwrap_or(input.len());
    method < MAX_METHOD_BYTES && input[..method].iter().all(|byte| byte.is_ascii_uppercase())
}
