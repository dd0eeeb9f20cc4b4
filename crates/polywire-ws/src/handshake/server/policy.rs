//! What a listener answers to requests.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::answer::{Accept, Answer, Response};
use crate::listen_config::WsListenConfig;
use crate::on_request::{BearerTokens, OnRequest};
use crate::origin::AllowedOrigins;
use crate::request::WsRequest;

/// Time between two warnings of one listener, so that a flood of causes is no flood of logs.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// The part of a configuration that is about requests, shared by all connections of a listener.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Bytes that the head of a request may have.
    pub(super) max_head: usize,
    /// Spoken here, the preferred one first.
    pub(super) subprotocols: Vec<String>,
    pub(super) on_request: Option<OnRequest>,
    origins: AllowedOrigins,
    bearer_tokens: Option<BearerTokens>,
    warned: Mutex<Option<Instant>>,
}

impl Policy {
    /// Of a listener with TLS of its own, if it `is_secure`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an origin that is none.
    pub(crate) fn new(config: &WsListenConfig, is_secure: bool) -> io::Result<Self> {
        let (origins, own) = (&config.allowed_origins, config.same_origin);
        Ok(Self {
            max_head: config.max_handshake_size,
            subprotocols: config.subprotocols.clone(),
            on_request: config.on_request.clone(),
            origins: AllowedOrigins::new(origins, own, is_secure)?,
            bearer_tokens: config.bearer_tokens.clone(),
            warned: Mutex::new(None),
        })
    }

    /// What a request that is in order gets.
    pub(super) fn answer(&self, request: &mut WsRequest) -> Answer {
        if request.is_upgrade && !self.allows_origin(request) {
            return Response::text(403, "pages of this origin may not connect\n").into();
        }
        let refusal = self.bearer_tokens.as_ref().and_then(|tokens| tokens.refuse(request));
        match (refusal, &self.on_request) {
            (Some(refusal), _) => refusal.into(),
            (None, Some(on_request)) => on_request.answer(request),
            (None, None) => Accept::new().into(),
        }
    }

    fn allows_origin(&self, request: &WsRequest) -> bool {
        let is_named = request.headers().contains_key(http::header::ORIGIN);
        let host = request.header("host").unwrap_or_default();
        let is_allowed = || request.origin().is_some_and(|origin| self.origins.allow(origin, host));
        self.origins.allow_all() || !is_named || is_allowed()
    }

    /// Whether a warning may be written now; if so, the next one only in a while.
    pub(super) fn may_warn(&self, now: Instant) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = warned.is_none_or(|last| now.saturating_duration_since(last) >= WARNING_PAUSE);
        if is_due {
            *warned = Some(now);
        }
        is_due
    }
}
