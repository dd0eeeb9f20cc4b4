//! Event-driven messages over TCP, framed TCP, UDP and WebSocket: one callback, one thread, no
//! sockets in sight.
//!
//! A program makes a [node], listens and connects over any [`Transport`], and handles
//! every network event and its own signals in one callback. Changing the transport is one word.
//!
//! ```
//! use polywire::network::{NetEvent, Transport};
//! use polywire::node::{self, NodeEvent};
//!
//! # #[cfg(feature = "framed-tcp")] {
//! let (handler, listener) = node::split::<()>();
//! let (_, server) = handler.network().listen(Transport::FramedTcp, "127.0.0.1:0")?;
//! let (client, _) = handler.network().connect(Transport::FramedTcp, server)?;
//! handler.network().send(client, b"hello"); // Leaves as soon as the connection is ready.
//!
//! listener.for_each(|event| match event {
//!     NodeEvent::Network(NetEvent::Message(endpoint, message)) if endpoint == client => {
//!         assert_eq!(message, b"hello");
//!         handler.stop();
//!     }
//!     NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
//!         handler.network().send(endpoint, message); // The server's side: an echo.
//!     }
//!     _ => {}
//! });
//! # }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Features
//!
//! Each transport is a feature, and all are on by default: see [`adapters`]. Beside them there are, off by default:
//!
//! | feature | brings |
//! |---|---|
//! | `tls` | TLS on every stream transport, and so `wss`, by aws-lc-rs |
//! | `tls-ring` | the same by ring, which is lighter to build |
//! | `webpki-roots` | beside `tls`: Mozilla's certification authorities, for systems without any |
//! | `deflate` | compressed WebSocket messages (permessage-deflate) |
//! | `serde` | `Serialize` and `Deserialize` for [`Transport`] and [`RemoteAddr`] |
//! | `log` | what polywire traces, to the `log` crate |
//! | `full` | all of them but `tls-ring`, and all transports |
//!
//! Features only add.
//!
//! # Logs and numbers
//!
//! polywire writes [tracing] events. Their targets are module paths, so a filter by crate selects a part:
//! `polywire_core` (nodes, connections, limits), and the crate of each transport (accepting, handshakes). `warn` is
//! for limits that were reached, and for a TLS configuration that can't be used or that stops checking clients; `debug`
//! is for each step in the life of a connection. At `debug` and above nothing is written for each message. The feature `log` forwards all of it to the `log` crate.
//! [`stats`](network::NetworkController::stats) counts connections, messages, bytes and rejections.
//!
//! [tracing]: https://docs.rs/tracing
//! [`Transport`]: crate::network::Transport
//! [`RemoteAddr`]: crate::network::RemoteAddr

#![cfg_attr(
    all(feature = "tcp", feature = "udp", feature = "ws"),
    doc = "# Guides",
    doc = "",
    doc = "Configuring, back-pressure, close reasons, other ways to run it, writing an adapter, WebSocket server,",
    doc = "WebSocket client, TLS, proxies, running in production, performance, testing your program, coming from",
    doc = "message-io: see [`guide`]."
)]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "__tls"))))]

pub mod adapters;
#[cfg(all(feature = "tcp", feature = "udp", feature = "ws"))]
pub mod guide;
pub mod network;
pub mod util;

#[doc(inline)]
pub use polywire_core::{
    Backoff, CloseReason, Limits, Message, MessageKind, NodeLimits, Reconnecting, Refusal,
    WhenFull, adapter, address, events, node, stream,
};

#[cfg(all(doctest, feature = "tcp", feature = "udp", feature = "ws"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
