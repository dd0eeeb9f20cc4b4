//! How to listen.

use std::io;

use polywire_tcp::TcpListenConfig;

use crate::handshake::check_token;
use crate::role::Role;
use crate::settings::{self, shared_methods};

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
    /// [`CloseReason::MessageTooLarge`](polywire_core::CloseReason).
    pub max_message_size: usize,
    /// Bytes a single received frame may have at most; a message may be cut into many.
    /// Default: 64 MiB. The peer is disconnected as for
    /// [`max_message_size`](Self::max_message_size).
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
    /// Subprotocols spoken here, the preferred one first (RFC 6455 section 1.9). Default: none. The
    /// first one that a client asks for is chosen; a client that asks for others is accepted
    /// without one.
    pub subprotocols: Vec<String>,
    /// How to listen for TCP connections, and what holds for each.
    pub tcp: TcpListenConfig,
}

impl Default for WsListenConfig {
    fn default() -> Self {
        Self {
            max_message_size: settings::MAX_MESSAGE_SIZE,
            max_frame_size: settings::MAX_FRAME_SIZE,
            max_fragments: settings::MAX_FRAGMENTS,
            max_handshake_size: settings::MAX_HANDSHAKE_SIZE,
            text: false,
            subprotocols: Vec::new(),
            tcp: TcpListenConfig::default(),
        }
    }
}

impl WsListenConfig {
    shared_methods!(TcpListenConfig, TlsListenConfig, Role::Server);

    /// Refuses what would break the answers.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.subprotocols.iter().try_for_each(|name| check_token(name))
    }
}
