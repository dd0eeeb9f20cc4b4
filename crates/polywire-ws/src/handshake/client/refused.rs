//! An answer that refuses, while its body comes in.

use std::time::{Duration, Instant};

use polywire_core::address::RemoteAddr;
use polywire_core::{CloseReason, Refusal};

use super::answer::Answer;
use super::body::Body;
use super::redirects::{is_redirect, location_of};
use crate::refusal::{RedirectError, WsRefusal};

/// How long the body of an answer is waited for: the status tells most of it.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a location in the text of a refusal, which is kept of thousands of endpoints. The headers have all of it,
/// and are kept of few.
const MAX_SHOWN_BYTES: usize = 256;

/// An answer other than the upgrade.
#[derive(Debug)]
pub(super) struct Refused {
    answer: Answer,
    body: Body,
    redirect: Option<RedirectError>,
    /// When no more of the body is waited for.
    pub(super) deadline: Option<Instant>,
}

impl Refused {
    /// `answer`, of a handshake that may take so long, at the time `now`.
    pub(super) fn new(
        answer: Answer,
        redirect: Option<RedirectError>,
        (now, timeout): (Instant, Duration),
    ) -> Self {
        let body = Body::of(answer.status, &answer.headers);
        // The status is to be told before the whole handshake is given up.
        let deadline = now.checked_add(BODY_TIMEOUT.min(timeout / 2));
        Self { answer, body, redirect, deadline }
    }

    /// Takes what came of the body. Whether that is all that is wanted.
    pub(super) fn push(&mut self, input: &[u8]) -> bool {
        self.body.push(input);
        self.body.is_done()
    }

    /// What the program is told, with as much of the body as came.
    pub(super) fn into_reason(self) -> CloseReason {
        let Answer { status, headers, .. } = self.answer;
        let mut text = format!("HTTP {status}");
        if let Some(location) = location_of(&headers).filter(|_| is_redirect(status)) {
            text += &format!(" to '{}'", shown(location));
        }
        if let Some(redirect) = self.redirect {
            text += &format!(": {redirect}");
        }
        let detail = WsRefusal {
            status: status.as_u16(),
            headers,
            body: self.body.into_bytes(),
            redirect: self.redirect,
        };
        CloseReason::HandshakeRefused(Refusal::new(text).with_detail(detail))
    }
}

/// A location without its query, as far as a reader needs it.
fn shown(location: &str) -> String {
    // A reference may leave out the scheme (RFC 3986 section 4.2), behind which alone a user is looked for.
    let scheme = if location.starts_with("//") { "ws:" } else { "" };
    let mut shown = RemoteAddr::Str(format!("{scheme}{location}")).to_string();
    shown.drain(..scheme.len());
    if let Some((end, _)) = shown.char_indices().find(|(at, _)| *at >= MAX_SHOWN_BYTES) {
        shown.truncate(end);
        shown.push_str("...");
    }
    shown
}
