//! Connections that are streams of bytes: the engine that reads and writes all of them, and what
//! it needs from a transport.
//!
//! A transport gives a [`Stream`] (the socket) and a [`Protocol`] (how messages lie in the bytes);
//! [`Engine`] makes a [`Remote`](crate::adapter::Remote) of the two.

mod engine;
mod inbox;
mod maps;
mod misuse;
mod outbox;
mod protocol;
mod socket;

use misuse::misuse;

pub use engine::Engine;
pub use protocol::{Decoded, Encoder, Item, Prefix, Protocol};
pub use socket::Stream;
