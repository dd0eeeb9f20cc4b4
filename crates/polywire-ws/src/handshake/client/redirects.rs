//! Following redirects (RFC 9110 section 15.4).

use http::{HeaderMap, StatusCode};
use polywire_core::address::RemoteAddr;

use crate::connect_config::WsConnectConfig;
use crate::location;
use crate::refusal::RedirectError;
use crate::url::{Scheme, WsUrl};

/// Where a connection was sent so far, and where it may still go.
#[derive(Debug)]
pub(super) struct Redirects {
    pub(super) config: WsConnectConfig,
    pub(super) url: WsUrl,
    pub(super) scheme: Scheme,
    /// Whether each server so far was the one that the credentials are for.
    pub(super) with_credentials: bool,
    /// The addresses of all requests so far.
    visited: Vec<String>,
    /// The next one, once an answer has named it.
    next: Option<WsUrl>,
}

/// Whether an answer of that status names another address to ask in its `Location`.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What names a request.
fn target(url: &WsUrl, scheme: Scheme) -> String {
    format!("{scheme:?} {} {}", url.server_key(), url.path())
}

/// What the header `Location` says, if that is one text.
pub(super) fn location_of(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all("location").iter();
    let location = lines.next()?.to_str().ok()?;
    lines.next().is_none().then_some(location)
}

impl Redirects {
    pub(super) fn new(config: &WsConnectConfig, url: &WsUrl) -> Self {
        let scheme = config.scheme_of(url);
        let visited = vec![target(url, scheme)];
        let (config, url) = (config.clone(), url.clone());
        Self { config, url, scheme, with_credentials: true, visited, next: None }
    }

    /// An answer with these headers sends the request elsewhere.
    pub(super) fn note(&mut self, headers: &HeaderMap) -> Result<(), RedirectError> {
        let location = location_of(headers).ok_or(RedirectError::BadLocation)?;
        let next = location::resolve(&self.url, self.scheme, location);
        let next = next.ok_or(RedirectError::BadLocation)?;
        let scheme = next.scheme().unwrap_or(self.scheme);
        if self.scheme == Scheme::Wss && scheme == Scheme::Ws {
            return Err(RedirectError::ClearText);
        }
        let target = target(&next, scheme);
        if self.visited.contains(&target) {
            return Err(RedirectError::Loop);
        }
        if self.visited.len() > self.config.max_redirects {
            return Err(RedirectError::TooMany);
        }
        self.visited.push(target);
        self.next = Some(next);
        Ok(())
    }

    /// Turns to the address that was noted, if one was. Returns that of its server.
    pub(super) fn follow(&mut self) -> Option<RemoteAddr> {
        let next = self.next.take()?;
        let scheme = next.scheme().unwrap_or(self.scheme);
        // RFC 6454: scheme, host and port.
        self.with_credentials &= scheme == self.scheme && next.is_on_host_of(&self.url);
        (self.url, self.scheme) = (next, scheme);
        Some(self.url.server(scheme))
    }
}
