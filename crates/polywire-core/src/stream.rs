//! Connections that are streams of bytes: the engine that reads and writes all of them, and what
//! it needs from a transport.
//!
//! A transport gives a [`Stream`] (the socket) and a [`Protocol`] (how messages lie in the bytes);
//! [`Engine`] makes a [`Remote`](crate::adapter::Remote) of the two.

mod context;
mod dialed;
mod engine;
mod frame;
mod inbox;
mod layer;
mod maps;
mod misuse;
mod outbox;
mod pass_through;
mod protocol;
mod socket;

use misuse::misuse;

pub use context::Context;
pub use dialed::Dialed;
pub use engine::Engine;
pub use frame::{Frame, MAX_HEADER};
pub use layer::{Layer, NoLayer};
pub use pass_through::PassThrough;
pub use protocol::{Decoded, Encoder, Item, Progress, Protocol};
pub use socket::{Establishing, Stream};
