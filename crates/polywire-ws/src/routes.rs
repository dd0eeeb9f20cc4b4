//! Paths that have handlers.

mod pattern;

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::answer::{Answer, Response};
use crate::request::WsRequest;
use crate::routes::pattern::Pattern;

/// Answers a request.
pub(crate) type Handler = Arc<dyn Fn(&WsRequest) -> Answer + Send + Sync>;

/// Handlers by path, for [`WsListenConfig::with_routes`](crate::WsListenConfig::with_routes). What matches no route
/// gets HTTP 404.
///
/// ```
/// use polywire_ws::{Accept, Response, Routes, WsListenConfig};
///
/// struct Room(String);
///
/// let routes = Routes::new()
///     .with("/rooms/{room}", |request| {
///         Accept::new().with_value(Room(request.param("room").unwrap_or_default().to_owned()))
///     })
///     .with("/health", |_| Response::new(204))
///     .with("/", |_| Response::html(200, "<h1>Rooms</h1>"));
/// let config = WsListenConfig::default().with_routes(routes);
/// ```
///
/// # What matches
///
/// A path is compared segment by segment, in the order in which the routes were added; the first that matches counts.
///
/// * A segment of plain text must be the same byte by byte: `/rooms` matches neither `/rooms/` nor `/Rooms` nor
///   `/%72ooms`. Of a route, characters other than ASCII stand for their percent-encoded form, as browsers send it.
/// * `{name}` matches any segment, which [`WsRequest::param`] tells percent-decoded. It matches none that
///   is empty, `.` or `..`, and none that, decoded, is one of these, is not UTF-8, or has a `/`, a `\` or a control
///   character: the value is a name, and never a way out of a folder.
/// * Nothing is normalized: `/a//b` and `/a/../b` match no route at all, unless plain text says so.
/// * The query does not count. Upgrades and ordinary requests are matched alike; a handler that accepts what is no
///   upgrade answers with HTTP 426.
#[derive(Clone, Default)]
#[must_use]
pub struct Routes(Vec<(Pattern, Handler)>);

impl Routes {
    /// No route yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. `path` begins with `/`; a whole segment of it may be `{name}`. One that is not so is told by
    /// `listen`, as an error, and so are segments that begin with `:` or `*`, as parameters are written elsewhere, and
    /// a path that matches the same as one before.
    ///
    /// `handler` runs on the loop's thread, as the hook of
    /// [`with_on_request`](crate::WsListenConfig::with_on_request) does.
    pub fn with<A: Into<Answer>>(
        mut self,
        path: &str,
        handler: impl Fn(&WsRequest) -> A + Send + Sync + 'static,
    ) -> Self {
        self.0.push((Pattern::new(path), Arc::new(move |request| handler(request).into())));
        self
    }

    /// The handler for `request`, whose parameters are set.
    pub(crate) fn find(&self, request: &mut WsRequest) -> Handler {
        for (pattern, handler) in &self.0 {
            if let Some(params) = pattern.matches(request.path()) {
                request.params = params;
                return Arc::clone(handler);
            }
        }
        Arc::new(|_| Response::text(404, "there is nothing at this path\n").into())
    }

    /// Refuses a path that no request could have, or get to.
    pub(crate) fn check(&self) -> io::Result<()> {
        for (at, (pattern, _)) in self.0.iter().enumerate() {
            let before = self.0[..at].iter().map(|(before, _)| before);
            pattern.check(before)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(pattern, _)| pattern)).finish()
    }
}
