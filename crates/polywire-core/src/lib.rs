//! The event loop, endpoint registry and adapter contract of polywire.
//!
//! Most applications should depend on the facade crate `polywire`. Depend on this crate together
//! with one adapter crate for the smallest tree, or alone to implement an adapter of your own:
//! see [`adapter`].
//!
//! # In scope
//! * One loop on one thread that hands network events and signals to one callback: [`node`]
//! * Endpoint ids that are never mistaken for an older connection: [`endpoint`]
//! * The traits that every transport implements: [`adapter`]
//! * The engine that reads and writes every stream transport: [`stream`]
//! * A queue of signals with priorities and timers, usable alone: [`events`]
//!
//! # Out of scope
//! * Any concrete transport: each is a crate of its own
//! * Serialization, encryption
//!
//! # Logs
//! The events of this crate have targets that begin with `polywire_core`: `error` where an adapter breaks its
//! contract or the node has to stop, `warn` where a limit is reached, `debug` for each step in the life of a
//! connection. Nothing is written for each message. The feature `log` forwards them to the `log` crate.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapter;
pub mod address;
mod budget;
mod clock;
mod close_reason;
mod counter;
mod dialers;
pub mod endpoint;
mod event_loop;
pub mod events;
pub mod limits;
mod message;
mod net_event;
pub mod network;
pub mod node;
mod notifier;
mod poller;
mod readiness;
pub mod reconnect;
mod registry;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod seam;
mod send_hint;
mod send_status;
mod shared;
pub mod stream;
mod sync;
pub mod util;
mod waker;
mod writer;

/// The memory that [`send_owned`](network::NetworkController::send_owned) takes.
pub use bytes;
pub use close_reason::{CloseReason, LayerError, Refusal, Text};
pub use endpoint::{Endpoint, ResourceId, ResourceType};
pub use limits::{Limits, NodeLimits, WhenFull};
pub use message::{Message, MessageKind};
/// The poller underneath, whose sources adapters register.
///
/// This crate turns on its feature `os-poll` alone, and `os-ext` on Linux and Android. An adapter that
/// uses the sockets of `mio::net` has to turn on `net` itself, and one that registers a raw descriptor
/// (`mio::unix::SourceFd`) `os-ext`, by a dependency of its own on the same version:
///
/// ```toml
/// mio = { version = "1.2", default-features = false, features = ["net"] }
/// ```
pub use mio;
pub use notifier::Notifier;
pub use readiness::Readiness;
pub use reconnect::{Backoff, Reconnecting};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
