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
//! * Requests that the program answers, at once or later: [`WsListenConfig::with_on_request`], [`Routes`]
//! * Ordinary HTTP requests on the same port, one for each connection: a page, a health check
//! * Clients with credentials and cookies, through HTTP proxies, and after redirects if asked
//! * What a server answered: [`WsResponse`], or [`WsRefusal`] with the front of its body
//! * Binary and text messages, whole or fragmented, handed out as slices of what was read; or in pieces as they
//!   come, without end, [`with_fragments`](WsListenConfig::with_fragments)
//! * Pings answered, and sent: by a [`Ping`], or by the [interval](WsListenConfig::with_ping_interval)
//! * Close frames sent and answered, with the code for each kind of end, or one of the program's: [`Close`]
//! * Compressed messages, with the feature `deflate` (permessage-deflate, RFC 7692): `Deflate`
//! * A limit on everything that a peer can make grow
//!
//! # Out of scope
//! * TLS itself: `wss` addresses, and `with_tls` of the configurations, are there with the feature `tls` or `tls-ring`.
//!   Without either, an address that asks for `wss` is refused before a socket is opened
//! * Extensions other than permessage-deflate
//! * HTTP beyond that: request bodies, several requests for a connection, ranges, compressed pages. Without a hook
//!   a request that is not an upgrade is answered with an error
//!
//! # What a peer gets that breaks the protocol
//!
//! | it sends | it gets |
//! |---|---|
//! | something that is not HTTP, or a malformed request | HTTP 400 |
//! | another method than GET, or than GET and HEAD where ordinary requests are answered | HTTP 405 |
//! | another version than 13 | HTTP 426 |
//! | a request longer than [`WsListenConfig::max_handshake_size`], or with more than 124 headers | HTTP 431 |
//! | a request with a body | HTTP 413, or 400 for an upgrade and where its length is not clear |
//! | an upgrade from a page of [another origin](WsListenConfig::with_allowed_origins) | HTTP 403 |
//! | more than [`WsListenConfig::max_handshake_size`] before a later answer | HTTP 400 |
//! | no whole request in time | HTTP 408 |
//! | a frame that RFC 6455 forbids | Close 1002 |
//! | text that is not UTF-8, or a compressed message that is not DEFLATE | Close 1007 |
//! | more than [`WsListenConfig::max_fragments`] | Close 1008 |
//! | a frame or message that is too long, as soon as it is announced, or inflated so far | Close 1009 |

#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "__tls"))))]

mod answer;
mod assembler;
mod authorization;
mod close;
mod connect_config;
#[cfg_attr(not(feature = "deflate"), path = "without_deflate.rs")]
mod deflate;
mod encoder;
mod extensions;
mod frame;
mod handshake;
mod header;
mod http_connect;
mod http_date;
mod http_proxy;
mod kinds;
mod listen_config;
mod location;
mod mask;
#[cfg(feature = "__tls")]
mod maybe_tls;
mod on_request;
mod origin;
mod percent;
mod ping;
mod protocol;
mod refusal;
mod request;
mod response;
mod role;
mod route;
mod routes;
mod sequence;
mod session;
mod settings;
mod shared;
mod streamer;
mod transient;
mod url;
mod utf8;
mod whole_message;
mod ws;

pub use answer::{Accept, Answer, Response};
pub use authorization::Authorization;
pub use close::Close;
pub use connect_config::WsConnectConfig;
#[cfg(feature = "deflate")]
pub use deflate::Deflate;
pub use encoder::WsEncoder;
pub use kinds::{
    BINARY_START, CONTINUATION, CONTINUATION_END, TEXT_START, UNCOMPRESSED_BINARY,
    UNCOMPRESSED_TEXT,
};
pub use listen_config::WsListenConfig;
pub use ping::{Ping, RoundTrip};
pub use protocol::WsProtocol;
pub use refusal::{ProxyRefusal, RedirectError, WsRefusal};
pub use request::WsRequest;
pub use response::WsResponse;
pub use routes::Routes;
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
