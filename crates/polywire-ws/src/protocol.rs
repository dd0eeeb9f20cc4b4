//! The protocol of one connection, from its handshake to its end.

use std::io;
use std::sync::Arc;

use polywire_core::CloseReason;
use polywire_core::stream::{Decoded, Encoder, Item, Protocol};

use crate::close;
use crate::connect_config::WsConnectConfig;
use crate::encoder::FrameEncoder;
use crate::handshake::{client, server};
use crate::listen_config::WsListenConfig;
use crate::role::Role;
use crate::session::Session;
use crate::url::WsUrl;

/// WebSocket over any stream of bytes: what [`Ws`](crate::Ws) runs over TCP.
///
/// Does no I/O. Use it to compose a transport of your own, say WebSocket over a Unix socket, with
/// [`Engine`](polywire_core::stream::Engine).
#[derive(Debug)]
pub struct WsProtocol {
    handshake: Handshake,
    session: Session,
}

#[derive(Debug)]
enum Handshake {
    Client(client::Handshake),
    Server(server::Handshake),
    Done,
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
        Ok(Self { handshake, session: Session::new(Role::Client, config.settings()) })
    }

    /// The end that accepts. Of `config`, all but `tcp` counts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a subprotocol that cannot be sent.
    pub fn server(config: &WsListenConfig) -> io::Result<Self> {
        Ok(Self::servers(config)?())
    }

    /// Makes the accepting end of each connection of one listener.
    pub(crate) fn servers(
        config: &WsListenConfig,
    ) -> io::Result<impl Fn() -> Self + Send + use<> + 'static> {
        config.check()?;
        let (settings, max) = (config.settings(), config.max_handshake_size);
        let subprotocols: Arc<[String]> = config.subprotocols.as_slice().into();
        Ok(move || {
            let handshake = server::Handshake::new(max, Arc::clone(&subprotocols));
            Self {
                handshake: Handshake::Server(handshake),
                session: Session::new(Role::Server, settings.clone()),
            }
        })
    }
}

impl Protocol for WsProtocol {
    fn encoder(&self) -> Arc<dyn Encoder> {
        let settings = self.session.settings();
        Arc::new(FrameEncoder {
            role: self.session.role(),
            max_message_size: settings.max_message_size,
            text: settings.text,
        })
    }

    fn open(&mut self, out: &mut Vec<u8>) -> bool {
        if let Handshake::Client(handshake) = &self.handshake {
            handshake.open(out);
        }
        false
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let decoded = match &mut self.handshake {
            Handshake::Client(handshake) => handshake.decode(input)?,
            Handshake::Server(handshake) => handshake.decode(input, out)?,
            Handshake::Done => return self.session.decode(input, out),
        };
        if decoded.item == Item::Ready {
            self.handshake = Handshake::Done;
        }
        Ok(decoded)
    }

    fn half_received(&self) -> Option<usize> {
        self.session.half_received()
    }

    fn heartbeat(&mut self, out: &mut Vec<u8>) {
        if matches!(self.handshake, Handshake::Done) {
            self.session.ping(out);
        }
    }

    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match self.handshake {
            Handshake::Done if left > 0 || self.session.half_received().is_some() => {
                CloseReason::ProtocolViolation("the stream ended inside a message".into())
            }
            Handshake::Done => CloseReason::PeerClosed,
            _ => CloseReason::HandshakeRefused("closed during the handshake".into()),
        }
    }

    fn close(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        match (&self.handshake, reason) {
            (Handshake::Done, reason) => close::say_goodbye(self.session.role(), reason, out),
            (Handshake::Server(_), CloseReason::HandshakeTimeout) => {
                server::Handshake::timed_out(out);
            }
            _ => {}
        }
    }
}
