//! WebSocket over Unix streams.

use std::io;

use polywire_core::Limits;
use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

use crate::connect_config::UnixConnectConfig;
use crate::listen_config::UnixListenConfig;
use crate::{connect_stream, listen_stream};

/// What a client asks for unless its configuration says otherwise.
const DEFAULT_URL: &str = "ws://localhost/";

/// WebSocket over Unix streams, with the defaults of [`WsUnixConnectConfig`] and [`WsUnixListenConfig`].
///
/// The address is that of the socket; the URL, which tells the server the host and the path, is part of the
/// configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WsUnix;

/// How WebSocket connections over Unix streams are opened: what `network.connect` takes.
///
/// ```
/// use polywire_unix::WsUnixConnectConfig;
/// use polywire_ws::WsConnectConfig;
///
/// let ws = WsConnectConfig::default().with_subprotocol("chat.v2");
/// let config = WsUnixConnectConfig::default().with_url("ws://localhost/chat").with_ws(ws);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WsUnixConnectConfig {
    /// The WebSocket itself, and the [`Limits`] of the connection. Of its field `tcp` the limits alone count; a proxy is not
    /// used, and a redirect ends the connection.
    pub ws: WsConnectConfig,
    /// How the stream beneath is opened. Its limits do not count: those of [`Self::ws`] do.
    pub unix: UnixConnectConfig,
    /// What the server is asked for: `ws://host/path?query`. Default: `ws://localhost/`. One with `wss` is an
    /// error of `connect`.
    pub url: String,
}

impl Default for WsUnixConnectConfig {
    fn default() -> Self {
        Self {
            ws: WsConnectConfig::default(),
            unix: UnixConnectConfig::default(),
            url: DEFAULT_URL.into(),
        }
    }
}

impl WsUnixConnectConfig {
    /// Sets [`Self::ws`], and so the limits.
    #[must_use]
    pub fn with_ws(mut self, ws: WsConnectConfig) -> Self {
        self.ws = ws;
        self
    }

    /// Sets [`Self::unix`].
    #[must_use]
    pub fn with_unix(mut self, unix: UnixConnectConfig) -> Self {
        self.unix = unix;
        self
    }

    /// Sets [`Self::url`].
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Sets the limits of the connection, which are those of [`Self::ws`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.ws = self.ws.with_limits(limits);
        self
    }
}

/// How WebSocket connections over Unix streams are accepted: what `network.listen` takes.
///
/// ```
/// use polywire_unix::{UnixListenConfig, WsUnixListenConfig};
/// use polywire_ws::WsListenConfig;
///
/// let ws = WsListenConfig::default().with_max_message_size(1 << 20);
/// let unix = UnixListenConfig::default().with_mode(0o660);
/// let config = WsUnixListenConfig::default().with_ws(ws).with_unix(unix);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WsUnixListenConfig {
    /// The WebSocket itself, and the [`Limits`] of each connection. Of its field `tcp` the limits alone count.
    pub ws: WsListenConfig,
    /// How the listener beneath is opened. Its limits do not count: those of [`Self::ws`] do.
    pub unix: UnixListenConfig,
}

impl WsUnixListenConfig {
    /// Sets [`Self::ws`], and so the limits.
    #[must_use]
    pub fn with_ws(mut self, ws: WsListenConfig) -> Self {
        self.ws = ws;
        self
    }

    /// Sets [`Self::unix`].
    #[must_use]
    pub fn with_unix(mut self, unix: UnixListenConfig) -> Self {
        self.unix = unix;
        self
    }

    /// Sets the limits of each connection, which are those of [`Self::ws`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.ws = self.ws.with_limits(limits);
        self
    }
}

impl Connect for WsUnix {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        WsUnixConnectConfig::default().connect(addr)
    }
}

impl Listen for WsUnix {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        WsUnixListenConfig::default().listen(addr)
    }
}

impl Connect for WsUnixConnectConfig {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let url = WsUrl::parse(&RemoteAddr::Str(self.url.clone()))?;
        if self.url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss:")) {
            let text = "there is no TLS over Unix sockets here: write the URL with ws://";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let protocol = WsProtocol::client(&url, &self.ws)?;
        let unix = self.unix.clone().with_limits(self.ws.tcp.limits.clone());
        connect_stream(&unix, addr, protocol)
    }
}

impl Listen for WsUnixListenConfig {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let make = WsProtocol::servers(&self.ws)?;
        let unix = self.unix.clone().with_limits(self.ws.tcp.limits.clone());
        listen_stream(&unix, addr, move |_| make())
    }
}
