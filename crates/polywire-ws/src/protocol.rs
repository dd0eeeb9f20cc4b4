//! The protocol of one connection, from its handshake to its end.

use std::io;
use std::sync::Arc;

use polywire_core::CloseReason;
use polywire_core::adapter::Accepted;
use polywire_core::stream::{Context, Decoded, Item, Protocol};

use crate::close;
use crate::connect_config::WsConnectConfig;
use crate::encoder::WsEncoder;
use crate::handshake::{client, server};
use crate::listen_config::WsListenConfig;
use crate::session::Session;
use crate::settings::Settings;
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

impl WsProtocol {
    /// The end that connects to `url`. Of `config`, all but `tcp` counts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a header or a subprotocol that cannot be sent.
    pub fn client(url: &WsUrl, config: &WsConnectConfig) -> io::Result<Self> {
        config.check()?;
        let handshake = Handshake::Client(client::Handshake::new(url, config));
        Ok(Self::new(handshake, Arc::new(config.settings())))
    }

    /// The end that accepts. Of `config`, all but `tcp` counts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a subprotocol that cannot be sent.
    pub fn server(config: &WsListenConfig) -> io::Result<Self> {
        config.check()?;
        let handshake = server::Handshake::new(
            config.max_handshake_size,
            config.subprotocols.as_slice().into(),
        );
        Ok(Self::new(Handshake::Server(handshake), Arc::new(config.settings())))
    }

    /// Makes the accepting end of each connection of one listener.
    pub(crate) fn servers(
        config: &WsListenConfig,
    ) -> io::Result<impl Fn(&Accepted) -> Self + Send + use<> + 'static> {
        config.check()?;
        let (settings, max) = (Arc::new(config.settings()), config.max_handshake_size);
        let subprotocols: Arc<[String]> = config.subprotocols.as_slice().into();
        Ok(move |_: &Accepted| {
            let handshake = server::Handshake::new(max, Arc::clone(&subprotocols));
            Self::new(Handshake::Server(handshake), Arc::clone(&settings))
        })
    }

    fn new(handshake: Handshake, settings: Arc<Settings>) -> Self {
        Self { handshake: Some(Box::new(handshake)), session: Session::new(settings) }
    }
}

impl Protocol for WsProtocol {
    type Encoder = WsEncoder;

    fn encoder(&self) -> WsEncoder {
        WsEncoder::new(Arc::clone(self.session.settings()))
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
            None => return self.session.decode(input, cx.out),
            Some(Handshake::Client(handshake)) => handshake.decode(input)?,
            Some(Handshake::Server(handshake)) => handshake.decode(input, cx.out)?,
        };
        if decoded.item == Item::Ready {
            self.handshake = None;
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
            self.session.ping(cx.out);
        }
    }

    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match self.handshake {
            None if left > 0 || self.session.half_received().is_some() => {
                CloseReason::ProtocolViolation("the stream ended inside a message".into())
            }
            None => CloseReason::AbnormalClosure,
            Some(_) => CloseReason::HandshakeRefused("closed during the handshake".into()),
        }
    }

    fn close(&mut self, reason: &CloseReason, cx: &mut Context<'_>) {
        match (self.handshake.as_deref(), reason) {
            (None, reason) => {
                close::write_close_frame(self.session.settings().role, reason, cx.out);
            }
            (Some(Handshake::Server(_)), CloseReason::HandshakeTimeout) => {
                server::Handshake::timed_out(cx.out);
            }
            _ => {}
        }
    }
}
