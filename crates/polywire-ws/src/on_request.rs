//! What a listener asks of the program for each request.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::answer::{Answer, Response};
use crate::request::WsRequest;
use crate::routes::{Handler, Routes};

/// Whom the program has answer.
#[derive(Clone)]
pub(crate) enum OnRequest {
    Hook(Handler),
    Routes(Routes),
}

/// Whether a bearer token is a good one.
#[derive(Clone)]
pub(crate) struct BearerTokens(pub(crate) Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl OnRequest {
    /// The program's answer. A panic of it is logged, and costs this connection alone.
    pub(crate) fn answer(&self, request: &mut WsRequest) -> Answer {
        let handler = match self {
            Self::Hook(hook) => Arc::clone(hook),
            Self::Routes(routes) => routes.find(request),
        };
        guarded(request, || handler(request)).unwrap_or_else(|| internal_error().into())
    }
}

impl BearerTokens {
    /// What `request` gets for its token: `None` if it is a good one.
    pub(crate) fn refuse(&self, request: &WsRequest) -> Option<Response> {
        let challenge = match request.bearer().map(|token| guarded(request, || (self.0)(token))) {
            Some(Some(true)) => return None,
            Some(None) => return Some(internal_error()),
            // RFC 6750 section 3: no error is named to who sent no token.
            None => "Bearer",
            Some(Some(false)) => "Bearer error=\"invalid_token\"",
        };
        let response = Response::text(401, "a bearer token is needed\n");
        Some(response.with_header("WWW-Authenticate", challenge))
    }
}

/// Runs code of the program for `request`. `None` if it panics.
fn guarded<R>(request: &WsRequest, run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run))
        .inspect_err(|_| {
            tracing::error!(
                path = request.path(),
                "the hook of a listener's requests panicked: the peer gets HTTP 500"
            );
        })
        .ok()
}

/// What a peer gets for a fault of the program.
pub(crate) fn internal_error() -> Response {
    Response::text(500, "the server is at fault\n")
}

impl fmt::Debug for OnRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook(_) => f.write_str("Hook"),
            Self::Routes(routes) => f.debug_tuple("Routes").field(routes).finish(),
        }
    }
}

impl fmt::Debug for BearerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerTokens")
    }
}
