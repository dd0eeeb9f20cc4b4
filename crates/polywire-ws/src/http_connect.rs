//! A tunnel through an HTTP proxy (RFC 9110 section 9.3.6).

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Mutex, PoisonError};

use polywire_core::stream::{Establishing, PassThrough, Stream};
use polywire_core::{CloseReason, Refusal};

use crate::authorization::Authorization;
use crate::handshake::client::answer::{Answer, HTTP, is_interim};
use crate::handshake::client::body::Body;
use crate::handshake::head::{HeadFinder, Unfit};
use crate::refusal::ProxyRefusal;

/// Bytes of a body that are read at a time.
const READ_SIZE: usize = 4096;

/// The end of a head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A stream that a proxy passes on, once it has said that it does; or one without a proxy.
///
/// It reads no byte behind the head of the proxy's answer, so that from then on it is the stream underneath.
pub(crate) struct TunnelStream<S> {
    stream: S,
    /// Until the proxy has answered.
    asking: Mutex<Option<Box<Asking>>>,
}

/// What a proxy is asked, and how far that is.
struct Asking {
    /// The rest of the request.
    request: Vec<u8>,
    /// The stream underneath is established.
    is_open: bool,
    received: Vec<u8>,
    finder: HeadFinder,
    /// Bytes that the head of the answer may have, with what comes before it.
    max: usize,
    /// The answer, once it refuses.
    refused: Option<(Answer, Body)>,
}

/// The request for a tunnel to `authority`, host and port.
pub(crate) fn request(authority: &str, authorization: Option<&Authorization>) -> Vec<u8> {
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(authorization) = authorization {
        request += &format!("Proxy-Authorization: {}\r\n", authorization.header());
    }
    request += "\r\n";
    request.into_bytes()
}

impl<S: Stream> TunnelStream<S> {
    /// `stream` leads to where it leads.
    pub(crate) fn direct(stream: S) -> Self {
        Self { stream, asking: Mutex::new(None) }
    }

    /// `stream` leads to a proxy, which gets `request` and may answer by a head of `max` bytes.
    pub(crate) fn through_proxy(stream: S, request: Vec<u8>, max: usize) -> Self {
        let finder = HeadFinder::new(max);
        let (is_open, received, refused) = (false, Vec::new(), None);
        let asking = Asking { request, is_open, received, finder, max, refused };
        Self { stream, asking: Mutex::new(Some(Box::new(asking))) }
    }
}

impl Asking {
    /// The next steps. Whether the proxy passes bytes on by now.
    fn go_on(&mut self, stream: &impl Stream) -> io::Result<bool> {
        if !self.write(stream)? {
            return Ok(false);
        }
        if self.refused.is_none() {
            let Some(answer) = self.read_head(stream)? else { return Ok(false) };
            if answer.status.is_success() {
                return Ok(true); // Whatever its headers say, there is no body (RFC 9110 section 9.3.6).
            }
            let body = Body::of(answer.status, &answer.headers);
            self.refused = Some((answer, body));
        }
        self.read_body(stream)?;
        Ok(false)
    }

    /// Writes what the stream takes. Whether that was all.
    fn write(&mut self, stream: &impl Stream) -> io::Result<bool> {
        while !self.request.is_empty() {
            match stream.write_vectored(&[IoSlice::new(&self.request)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => drop(self.request.drain(..len.min(self.request.len()))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads the head of the answer. `None` if more has to come.
    fn read_head(&mut self, stream: &impl Stream) -> io::Result<Option<Answer>> {
        loop {
            let mut buffer = [0; HEAD_END.len()];
            let room = self.missing();
            let Some(len) = read(stream, &mut buffer[..room])? else { return Ok(None) };
            if len == 0 {
                return Err(refused("the proxy closed the connection instead of an answer"));
            }
            self.received.extend_from_slice(&buffer[..len]);
            if !self.received.iter().zip(HTTP).all(|(byte, expected)| byte == expected) {
                return Err(refused("the proxy does not answer in HTTP"));
            }
            match self.finder.find(&self.received) {
                Ok(None) => {}
                Ok(Some(_)) if is_interim(&self.received) => {
                    self.max = self.max.saturating_sub(self.received.len());
                    self.finder = HeadFinder::new(self.max);
                    self.received.clear();
                }
                Ok(Some(_)) => {
                    let answer = Answer::parse(&self.received);
                    return answer.map(Some).map_err(|text| refused(format!("the proxy: {text}")));
                }
                Err(Unfit::TooLong) => {
                    return Err(refused("the head of the proxy's answer is too long"));
                }
                Err(Unfit::BareLineFeed) => {
                    return Err(refused("a line of the proxy's answer ends without CR"));
                }
            }
        }
    }

    /// Bytes that the head still has at least: what is behind it is for whoever reads next.
    fn missing(&self) -> usize {
        let has = |len: &usize| self.received.ends_with(&HEAD_END[..*len]);
        HEAD_END.len() - (1..HEAD_END.len()).rev().find(has).unwrap_or(0)
    }

    /// Reads the body of an answer that refuses, and is an error once that is all.
    fn read_body(&mut self, stream: &impl Stream) -> io::Result<()> {
        let mut buffer = [0; READ_SIZE];
        while let Some((_, body)) = self.refused.as_mut().filter(|(_, body)| !body.is_done()) {
            match read(stream, &mut buffer) {
                Ok(None) => return Ok(()),
                Ok(Some(0)) | Err(_) => break, // The answer says more than the end.
                Ok(Some(len)) => body.push(&buffer[..len]),
            }
        }
        self.refusal().map_or(Ok(()), |reason| Err(reason.into()))
    }

    /// What the program is told of an answer that refuses, with what has come of its body.
    fn refusal(&mut self) -> Option<CloseReason> {
        let (answer, body) = self.refused.take()?;
        let text = format!("the proxy answers HTTP {}", answer.status);
        let detail = ProxyRefusal {
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: body.into_bytes(),
        };
        Some(CloseReason::HandshakeRefused(Refusal::new(text).with_detail(detail)))
    }
}

/// Reads what there is; `None` if that is nothing just now.
fn read(stream: &impl Stream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match stream.read(buffer) {
            Ok(len) => return Ok(Some(len.min(buffer.len()))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn refused(text: impl Into<String>) -> io::Error {
    CloseReason::HandshakeRefused(text.into().into()).into()
}

impl<S: Stream> PassThrough for TunnelStream<S> {
    type Under = S;

    fn under(&self) -> &S {
        &self.stream
    }

    fn under_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        let mut guard = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asking) = guard.as_mut() else { return self.stream.establish(so_far) };
        if !asking.is_open {
            match self.stream.establish(so_far)? {
                Establishing::Established => asking.is_open = true,
                further => return Ok(further),
            }
        }
        if !asking.go_on(&self.stream)? {
            return Ok(Establishing::Handshaking);
        }
        *guard = None;
        Ok(Establishing::Established)
    }

    /// A refusal, with as much of its body as came.
    fn timed_out(&self) -> Option<CloseReason> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = asking.as_mut().and_then(|asking| asking.refusal());
        refusal.or_else(|| self.stream.timed_out())
    }
}

impl<S> fmt::Debug for TunnelStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelStream").finish_non_exhaustive()
    }
}
