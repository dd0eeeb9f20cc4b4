//! The protocol of one connection, from its handshake to its end.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use polywire_core::CloseReason;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Context, Decoded, Item, Progress, Protocol};

use crate::close::{self, Close};
use crate::connect_config::WsConnectConfig;
use crate::deflate::agreed::Agreed;
use crate::encoder::WsEncoder;
use crate::extensions::Extensions;
use crate::handshake::{client, server};
use crate::listen_config::WsListenConfig;
use crate::ping::Ping;
use crate::role::Role;
use crate::session::Session;
use crate::shared::Shared;
use crate::url::WsUrl;

/// WebSocket over any stream of bytes: what [`Ws`](crate::Ws) runs over TCP.
///
/// Does no I/O. Use it to compose a transport of your own, say WebSocket over a Unix socket, with
/// [`Engine`](polywire_core::stream::Engine).
#[derive(Debug)]
pub struct WsProtocol {
    /// `None` once it is done.
    handshake: Option<Box<Handshake>>,
    session: Session,
}

#[derive(Debug)]
enum Handshake {
    Client(client::Handshake),
    Server(server::Handshake),
}

impl Handshake {
    fn agreed(&self) -> Option<&Agreed> {
        match self {
            Self::Client(handshake) => handshake.extensions.agreed(),
            Self::Server(handshake) => handshake.extensions.agreed(),
        }
    }
}

impl WsProtocol {
    /// The end that connects to `url`. Of `config`, `tcp` and `http_proxy` do not count, save for the handshake
    /// timeout. Redirects are followed where the engine can
    /// ([`Engine::with_redirects`](polywire_core::stream::Engine::with_redirects)): the address to dial is the `ws`
    /// or `wss` URL of a server.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a header or a subprotocol that cannot be sent.
    pub fn client(url: &WsUrl, config: &WsConnectConfig) -> io::Result<Self> {
        config.check()?;
        let handshake = Handshake::Client(client::Handshake::new(url, config));
        Ok(Self::new(handshake, Arc::new(Shared::of_one(config.settings()))))
    }

    /// The end that accepts. Of `config`, all but `tcp` counts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a subprotocol or a stop code that cannot be sent, for an allowed origin that is none, and for
    /// a route whose path no request can have.
    pub fn server(config: &WsListenConfig) -> io::Result<Self> {
        Ok(Self::servers(config)?())
    }

    /// Makes the accepting end of each connection of one listener: as [`server`](Self::server), which a listener would
    /// have to call for each, with everything shared that can be.
    ///
    /// # Errors
    ///
    /// Those of `server`.
    pub fn servers(
        config: &WsListenConfig,
    ) -> io::Result<impl Fn() -> Self + Send + use<> + 'static> {
        Self::servers_of(config, false)
    }

    /// The same over TLS of the listener's own, if it `is_secure`.
    pub(crate) fn servers_of(
        config: &WsListenConfig,
        is_secure: bool,
    ) -> io::Result<impl Fn() -> Self + Send + use<> + 'static> {
        config.check()?;
        let shared = Shared::for_listener(config.server_settings());
        let policy = Arc::new(server::Policy::new(config, is_secure)?);
        Ok(move || {
            let shared = shared();
            let extensions = Extensions::new(shared.settings.deflate);
            let handshake = server::Handshake::new(Arc::clone(&policy), extensions);
            Self::new(Handshake::Server(handshake), shared)
        })
    }

    fn new(handshake: Handshake, shared: Arc<Shared>) -> Self {
        Self { handshake: Some(Box::new(handshake)), session: Session::new(shared) }
    }

    /// The handshake is done.
    #[inline(never)]
    fn become_ready(&mut self, cx: &Context<'_>) {
        if let Some(agreed) = self.handshake.as_deref().and_then(Handshake::agreed) {
            self.session.shared().begin_to_deflate(agreed);
        }
        if let Some(Handshake::Client(mut handshake)) = self.handshake.take().map(|it| *it) {
            if let (Some(response), Some(facts)) =
                (handshake.response(), self.session.shared().facts())
            {
                let _ = facts.response.set(response);
            }
        }
        self.session.begin(cx);
    }
}

impl Protocol for WsProtocol {
    type Encoder = WsEncoder;

    fn encoder(&self) -> WsEncoder {
        WsEncoder::new(Arc::clone(self.session.shared()))
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(Handshake::Client(handshake)) = self.handshake.as_deref() {
            handshake.open(cx.out);
        }
        false
    }

    #[inline(always)] // Into the reading of each message, over TCP and over a layer.
    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let decoded = match self.handshake.as_deref_mut() {
            None => return self.session.decode(input, cx),
            Some(Handshake::Client(handshake)) => handshake.decode(input, cx)?,
            Some(Handshake::Server(handshake)) => {
                handshake.decode(input, cx, self.session.shared().facts())?
            }
        };
        if decoded.item == Item::Ready {
            self.become_ready(cx);
        }
        Ok(decoded)
    }

    #[inline]
    fn delivered(&mut self) {
        self.session.delivered();
    }

    fn half_received(&self) -> Option<usize> {
        self.session.half_received()
    }

    fn heartbeat(&mut self, cx: &mut Context<'_>) {
        if self.handshake.is_none() {
            self.session.heartbeat(cx);
        }
    }

    fn control(
        &mut self,
        value: Box<dyn Any + Send>,
        cx: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        let facts = self.session.shared().facts();
        let value = match value.downcast::<Close>() {
            Ok(close) if self.handshake.is_none() => return Err((*close).into()),
            Ok(close) => {
                self.session.close_once_ready(*close);
                return Ok(Progress::Unchanged);
            }
            Err(value) => value,
        };
        match self.handshake.as_deref_mut() {
            Some(Handshake::Server(handshake)) => {
                let progress = handshake.control(value, cx, facts)?;
                if progress == Progress::Ready {
                    self.become_ready(cx);
                }
                return Ok(progress);
            }
            Some(Handshake::Client(_)) => {}
            None => {
                if let Ok(ping) = value.downcast::<Ping>() {
                    self.session.ping(ping.payload(), cx);
                }
            }
        }
        Ok(Progress::Unchanged)
    }

    #[inline]
    fn deadline(&self) -> Option<Instant> {
        match self.handshake.as_deref() {
            None => self.session.ends_at(),
            Some(Handshake::Client(handshake)) => handshake.deadline(),
            Some(Handshake::Server(_)) => None,
        }
    }

    fn expire(&mut self, cx: &mut Context<'_>) -> Result<Progress, CloseReason> {
        match self.handshake.as_deref_mut() {
            None => self.session.end_by(cx.now()).map_or(Ok(()), Err)?,
            Some(Handshake::Client(handshake)) => {
                if let Err(reason) = handshake.expire() {
                    return Err(self.session.take_close().map_or(reason, CloseReason::from));
                }
            }
            Some(Handshake::Server(_)) => {}
        }
        Ok(Progress::Unchanged)
    }

    fn open_failed(&mut self, reason: &mut CloseReason) -> Option<RemoteAddr> {
        let Handshake::Client(handshake) = self.handshake.as_deref_mut()? else { return None };
        let server = handshake.open_failed(reason);
        if server.is_none() {
            if let Some(close) = self.session.take_close() {
                // Nor is it opened again: the program wants none.
                *reason = close.into();
            }
        }
        server
    }

    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match self.handshake.as_deref_mut() {
            None if left > 0 || self.session.is_inside_message() => {
                CloseReason::ProtocolViolation("the stream ended inside a message".into())
            }
            None => CloseReason::AbnormalClosure,
            Some(Handshake::Client(handshake)) => handshake.end_of_stream(),
            Some(_) => CloseReason::HandshakeRefused("closed during the handshake".into()),
        }
    }

    /// The server ends the stream, so that it is the one that remembers it (RFC 6455 section 7.1.1).
    fn peer_ends_first(&self) -> bool {
        self.handshake.is_none() && self.session.shared().settings.role == Role::Client
    }

    fn close(&mut self, reason: &CloseReason, cx: &mut Context<'_>) {
        match (self.handshake.as_deref(), reason) {
            (None, reason) => {
                close::write_close_frame(&self.session.shared().settings, reason, cx.out);
            }
            (Some(Handshake::Server(handshake)), reason) => handshake.close(reason, cx),
            (Some(Handshake::Client(_)), _) => {}
        }
    }

    fn last_words(&mut self) -> Bytes {
        match self.handshake.as_deref_mut() {
            Some(Handshake::Server(handshake)) => handshake.last_words(),
            _ => Bytes::new(),
        }
    }
}
