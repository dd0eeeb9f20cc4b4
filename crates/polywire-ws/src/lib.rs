//! WebSocket for polywire (RFC 6455).
//!
//! [`Ws`] is the transport with default settings; [`WsConnectConfig`] and [`WsListenConfig`] are
//! the same with settings.
//!
//! ```no_run
//! use polywire_core::adapter::Connect;
//! use polywire_core::address::ToRemoteAddr;
//! use polywire_ws::Ws;
//!
//! // What `network.connect(Ws, "ws://example.org/chat")` does:
//! let connection = Ws.connect(&"ws://example.org/chat".to_remote_addr()?)?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # In scope
//! * Both ends of the handshake, with headers and subprotocols
//! * Binary and text messages, whole or fragmented, handed out as slices of what was read
//! * Pings answered, Close frames sent and answered, with the code for each kind of end
//! * A limit on everything that a peer can make grow
//!
//! # Out of scope
//! * TLS itself: `wss` addresses, and `with_tls` of the configurations, are there with the feature `tls` or `tls-ring`.
//!   Without either, an address that asks for `wss` is refused before a socket is opened
//! * Extensions, compression among them (RFC 7692)
//! * HTTP: a request that is not an upgrade is answered with an error
//!
//! # What a peer gets that breaks the protocol
//!
//! | it sends | it gets |
//! |---|---|
//! | something that is not HTTP, or a malformed request | HTTP 400 |
//! | another method than GET | HTTP 405 |
//! | another version than 13 | HTTP 426 |
//! | a request longer than [`WsListenConfig::max_handshake_size`] | HTTP 431 |
//! | no whole request in time | HTTP 408 |
//! | a frame that RFC 6455 forbids | Close 1002 |
//! | text that is not UTF-8 | Close 1007 |
//! | more than [`WsListenConfig::max_fragments`] | Close 1008 |
//! | a frame or message that is too long, as soon as it is announced | Close 1009 |

mod assembler;
mod close;
mod connect_config;
mod encoder;
mod frame;
mod handshake;
mod header;
mod listen_config;
mod mask;
mod protocol;
mod role;
mod session;
mod settings;
mod url;
mod ws;

pub use connect_config::WsConnectConfig;
pub use encoder::WsEncoder;
pub use listen_config::WsListenConfig;
pub use protocol::WsProtocol;
pub use url::WsUrl;
pub use ws::Ws;

/// A message size that every WebSocket peer should take: 32 MiB.
///
/// Kept for programs that name it. The limit in force is
/// [`WsConnectConfig::max_message_size`] or [`WsListenConfig::max_message_size`].
pub const MAX_PAYLOAD_LEN: usize = 32 << 20;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The longest message that is sent and taken unless the configuration says otherwise: 64 MiB.
pub const DEFAULT_MAX_MESSAGE_SIZE: usize = settings::MAX_MESSAGE_SIZE;
