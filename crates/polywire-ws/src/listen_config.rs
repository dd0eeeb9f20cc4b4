//! How to listen.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use polywire_tcp::TcpListenConfig;

use crate::answer::Answer;
use crate::close;
use crate::handshake::check_token;
use crate::on_request::{BearerTokens, OnRequest};
use crate::request::WsRequest;
use crate::role::Role;
use crate::routes::{Handler, Routes};
use crate::settings::{self, Settings, shared_methods};

/// Listens for WebSocket clients, with settings other than those of [`Ws`](crate::Ws).
///
/// ```
/// use polywire_ws::WsListenConfig;
///
/// let config = WsListenConfig::default().with_text(true).with_max_message_size(1 << 20);
/// assert_eq!(config.max_handshake_size, 16 << 10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WsListenConfig {
    /// Bytes a message may have at most, in both directions. Default: 64 MiB. A peer that announces
    /// more is disconnected with code 1009 and
    /// [`CloseReason::MessageTooLarge`](polywire_core::CloseReason). 0 is an error.
    pub max_message_size: usize,
    /// Bytes a single received frame may have at most; a message may be cut into many.
    /// Default: 64 MiB. The peer is disconnected as for
    /// [`max_message_size`](Self::max_message_size). While it is compressed, a frame or a message may be longer by an
    /// eighth: not all gets shorter.
    pub max_frame_size: usize,
    /// Frames a received message may be cut into at most, empty ones included but for the last. Default:
    /// 131,072.
    /// A peer that sends more is disconnected with code 1008.
    pub max_fragments: usize,
    /// Bytes the head of the peer's HTTP request may have at most. Default: 16 KiB.
    pub max_handshake_size: usize,
    /// Whether messages that are valid UTF-8 are sent as text frames, which browsers hand out as
    /// strings, until the peer has sent a message; from then on `send` answers in the kind of its last one,
    /// and `send_as` chooses. Default: no, they are binary. Messages of both kinds are received in any case.
    pub text: bool,
    /// Whether messages come and go in pieces: without end, in constant memory. Default: no.
    ///
    /// Each fragment of a message is delivered as it comes, and a frame of more than 64 KiB in the pieces in
    /// which it is read. [`message_kind`](polywire_core::network::NetworkController::message_kind) tells
    /// [`TEXT_START`](crate::TEXT_START) or [`BINARY_START`](crate::BINARY_START), [`CONTINUATION`](crate::CONTINUATION),
    /// and [`CONTINUATION_END`](crate::CONTINUATION_END); a message that comes whole keeps `TEXT` or `BINARY`. The pieces of a
    /// text may cut characters; all of them together are UTF-8. [`max_message_size`](Self::max_message_size)
    /// then bounds a piece; the length of a message, [`max_frame_size`](Self::max_frame_size) and
    /// [`max_fragments`](Self::max_fragments) are not bounded. Inside a frame
    /// [`message_timeout`](polywire_core::Limits::message_timeout) holds for the next byte of it, between fragments only
    /// [`idle_timeout`](polywire_core::Limits::idle_timeout).
    ///
    /// A message is sent in the same way: `send_as` with the kind of its first piece, then those of the others.
    /// [`SendStatus::InvalidMessage`](polywire_core::network::SendStatus) is the answer to a piece out of order, and to
    /// another message before the last piece. Send a message in pieces from one thread, and let no other thread
    /// send to the endpoint meanwhile: one that sends in the very moment in which a message begins may come
    /// between its pieces, which ends the connection. Pieces are not compressed: `deflate` beside this is an error.
    pub fragments: bool,
    /// Time after which this side closes a connection with code 1001 and
    /// [`CloseReason::MaxLifetime`](polywire_core::CloseReason), from when it is ready: up to a tenth earlier, each by a
    /// part of its own, so that not all go at once. Default: `None`, never. A
    /// [`Reconnecting`](polywire_core::Reconnecting) client connects again.
    pub max_lifetime: Option<Duration>,
    /// Whether [`RoundTrip`](crate::RoundTrip) tells how long the answers to pings take. Default: no; it takes some
    /// 300 bytes for each connection. Where [`heartbeat`](polywire_core::Limits::heartbeat) is set it always does.
    pub round_trips: bool,
    /// Subprotocols spoken here, the preferred one first (RFC 6455 section 1.9). Default: none. Chosen is the
    /// first one of this list that the client asks for; a client that asks for others only is accepted
    /// without one, and gives up then if it is a browser.
    pub subprotocols: Vec<String>,
    /// Origins of the pages that may connect, as `https://example.org`. Default: none, which allows all. See
    /// [`with_allowed_origins`](Self::with_allowed_origins).
    pub allowed_origins: Vec<String>,
    /// Whether pages that this server itself serves may connect, and others only if
    /// [`allowed_origins`](Self::allowed_origins) has theirs. Default: no. See
    /// [`with_same_origin`](Self::with_same_origin).
    pub same_origin: bool,
    /// Code of the Close frame that each peer gets when the node stops or drains. Default: 1001, the server
    /// goes away. See [`with_stop_code`](Self::with_stop_code).
    pub stop_code: u16,
    /// Whether and how messages are compressed, if the client offers it (permessage-deflate, RFC 7692). Default: they are
    /// not. Beside [`fragments`](Self::fragments) it is an error of `listen`.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::Deflate>,
    /// How to listen for TCP connections, and what holds for each.
    pub tcp: TcpListenConfig,
    /// The idle timeout in `tcp` that `with_ping_interval` has set.
    pub(crate) ping_timeout: Option<Duration>,
    pub(crate) on_request: Option<OnRequest>,
    pub(crate) bearer_tokens: Option<BearerTokens>,
}

impl Default for WsListenConfig {
    fn default() -> Self {
        Self {
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            max_handshake_size: settings::MAX_HANDSHAKE_SIZE,
            text: false,
            fragments: false,
            #[cfg(feature = "deflate")]
            deflate: None,
            max_lifetime: None,
            round_trips: false,
            subprotocols: Vec::new(),
            allowed_origins: Vec::new(),
            same_origin: false,
            stop_code: settings::GOING_AWAY,
            tcp: TcpListenConfig::default(),
            ping_timeout: None,
            on_request: None,
            bearer_tokens: None,
        }
    }
}

impl WsListenConfig {
    shared_methods!(TcpListenConfig, TlsListenConfig, Role::Server);

    /// Has `hook` answer each request: whom to let in, with which subprotocol, and what to keep of it; or a page.
    ///
    /// It runs on the loop's thread, between the head of the request and the answer, and must not wait: one that asks a
    /// database answers [`Later`](Answer::Later). Only requests that are in order are shown to it, and only those that
    /// [allowed origins](Self::with_allowed_origins) and [bearer tokens](Self::with_bearer_tokens) let through.
    /// Where it panics, or answers what can't be sent, that peer gets HTTP 500, and the log has the path and the fault at
    /// level `error`. It takes the place of
    /// [routes](Self::with_routes); of the two the last one counts.
    ///
    /// With a hook `network.info::<WsRequest>(endpoint)` tells the request, and `network.info::<T>(endpoint)` the value
    /// given to [`Accept::with_value`](crate::Accept::with_value): some 4 KiB for each connection of a browser. Without one nothing is kept, each
    /// upgrade is accepted, and an ordinary HTTP request gets an error.
    ///
    /// # HTTP beside it
    ///
    /// With a hook, ordinary `GET` and `HEAD` requests come to it as well ([`WsRequest::is_upgrade`] is false): a page,
    /// a health check, metrics. Each has a connection of its own, which is closed behind the answer: set health checks to
    /// `GET` or `HEAD`, without keep-alive. A request with a
    /// body gets HTTP 413, one whose length is not clear 400, another method 405. What was answered is no failed
    /// handshake: [`Stats::answered`](polywire_core::network::Stats::answered) counts it, and no event tells of
    /// it. An upgrade that got a [`Response`](crate::Response) is a refused handshake
    /// ([`Stats::refused`](polywire_core::network::Stats::refused)).
    ///
    /// ```
    /// use polywire_ws::{Accept, Answer, Response, WsListenConfig, WsRequest};
    ///
    /// struct User(String);
    ///
    /// fn user_of(cookie: &str) -> Option<User> {
    ///     // Looks it up.
    ///     # Some(User(cookie.to_owned()))
    /// }
    ///
    /// let config = WsListenConfig::default().with_on_request(|request: &WsRequest| -> Answer {
    ///     if !request.is_upgrade() {
    ///         return Response::html(200, "<h1>Hello</h1>").into();
    ///     }
    ///     match request.cookie("session").and_then(user_of) {
    ///         Some(user) => Accept::new().with_value(user).into(),
    ///         None => Response::text(401, "log in first").into(),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn with_on_request<A: Into<Answer>>(
        mut self,
        hook: impl Fn(&WsRequest) -> A + Send + Sync + 'static,
    ) -> Self {
        let hook: Handler = Arc::new(move |request| hook(request).into());
        self.on_request = Some(OnRequest::Hook(hook));
        self
    }

    /// Has the [`Routes`] answer each request by its path, as [`with_on_request`](Self::with_on_request) does; of the
    /// two the last one counts.
    #[must_use]
    pub fn with_routes(mut self, routes: Routes) -> Self {
        self.on_request = Some(OnRequest::Routes(routes));
        self
    }

    /// Sets [`Self::allowed_origins`]: pages of other origins get HTTP 403.
    ///
    /// Set it on every listener that tells users by cookies, by HTTP's own authentication, or by the network that they
    /// are in. A browser lets any page open a WebSocket connection to any server, and sends the user's cookies
    /// along: without this, whatever page a user of yours visits acts in his name, and reads the answers (cross-site
    /// WebSocket hijacking). `SameSite` cookies help, but not against pages of the same site.
    ///
    /// An origin is scheme, host and port: `https://example.org`, `http://localhost:8080`. Scheme and host are compared in
    /// any case; the port exactly, where none is that of the scheme. Subdomains are origins of their own.
    /// `null` is that of sandboxed frames and local files; allow it and any page may connect, from such a frame.
    ///
    /// A request without `Origin` comes from no browser, as these always send one. It is let through: a program can
    /// write whichever origin it likes, so there is nothing to be had by asking it for one. Authenticate
    /// those in another way. Ordinary requests for pages are not compared: there the browser itself protects the user.
    #[must_use]
    pub fn with_allowed_origins<O: Into<String>>(
        mut self,
        origins: impl IntoIterator<Item = O>,
    ) -> Self {
        self.allowed_origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`Self::same_origin`]: only pages whose origin is the host and port that the request's `Host` names may
    /// connect, and those of [`allowed_origins`](Self::allowed_origins); others get HTTP 403. What a server that serves
    /// its own page wants, whatever its name is.
    ///
    /// With [`with_tls`](Self::with_tls) these are pages by `https` alone. Where a proxy ends TLS, or a layer given to `over`, the
    /// listener does not know the scheme, and a page in clear text of the same name may connect as well: have the
    /// proxy redirect `http` to `https`, or list the origin with its scheme in place of this.
    ///
    /// `Host` is what the browser was told to connect to. An attacker who has a name of his own resolve to this server's
    /// address (DNS rebinding) is let through; the user's cookies are not sent along then. Where the network
    /// alone protects the server, list its origins instead.
    #[must_use]
    pub fn with_same_origin(mut self, same_origin: bool) -> Self {
        self.same_origin = same_origin;
        self
    }

    /// Lets in only whose request has `Authorization: Bearer` and a token that `is_good` accepts (RFC 6750). All
    /// others get HTTP 401: pages and health checks as well, for which
    /// [`with_on_request`](Self::with_on_request) and [`WsRequest::bearer`] make exceptions.
    ///
    /// `is_good` runs on the loop's thread and must not wait. Compare secrets in constant time, or by their hashes.
    /// Pages in browsers can't send the header; they have cookies. Use TLS: who reads a token has it.
    #[must_use]
    pub fn with_bearer_tokens(
        mut self,
        is_good: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.bearer_tokens = Some(BearerTokens(Arc::new(is_good)));
        self
    }

    /// Sets [`Self::stop_code`]. Browsers and libraries tell their program the code (RFC 6455 section 7.4): 1001 says
    /// that the server goes away, 1012 that it starts again, so reconnect, and 1013 to try again later. One that can't
    /// be sent is an error of `listen`.
    #[must_use]
    pub fn with_stop_code(mut self, code: u16) -> Self {
        self.stop_code = code;
        self
    }

    /// The part that each connection keeps.
    pub(crate) fn server_settings(&self) -> Settings {
        Settings { stop_code: self.stop_code, ..self.settings() }
    }

    /// Sets [`Self::round_trips`].
    #[must_use]
    pub fn with_round_trips(mut self, round_trips: bool) -> Self {
        self.round_trips = round_trips;
        self
    }

    /// Whether something is kept of each connection.
    fn keeps_facts(&self) -> bool {
        self.round_trips
            || self.fragments
            || self.tcp.limits.heartbeat.is_some()
            || self.on_request.is_some()
    }

    /// Refuses what would break the answers.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.check_shared()?;
        if let Some(OnRequest::Routes(routes)) = &self.on_request {
            routes.check()?;
        }
        if close::may_be_sent(self.stop_code) {
            return Ok(());
        }
        let text = format!(
            "{} is no code of a Close frame: use 1001, 1012, 1013 or one of 3000 to 4999",
            self.stop_code
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}
