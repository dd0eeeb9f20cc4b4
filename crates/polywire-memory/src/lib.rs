//! A transport inside one process: whoever listens on a name is found by that name.
//!
//! [`Memory`] carries messages and [`MemoryStream`] bytes, between nodes on threads of their own or of one node, with
//! the same promises and the same back-pressure as the other transports. There is no socket: a [`MemoryNetwork`] is a
//! value that those share who connect and listen.
//!
//! ```
//! use polywire_core::address::Name;
//! use polywire_core::network::NetEvent;
//! use polywire_core::node::{self, NodeEvent};
//! use polywire_memory::MemoryNetwork;
//!
//! # fn main() -> std::io::Result<()> {
//! let memory = MemoryNetwork::default();
//! let (handler, listener) = node::split::<()>();
//! handler.network().listen(memory.messages(), Name("greeter"))?;
//! let (greeter, _) = handler.network().connect(memory.messages(), "greeter")?;
//! handler.network().send(greeter, b"hello");
//!
//! listener.for_each(|event| {
//!     if let NodeEvent::Network(NetEvent::Message(_, message)) = event {
//!         assert_eq!(message, b"hello");
//!         handler.stop();
//!     }
//! });
//! # Ok(())
//! # }
//! ```
//!
//! # Tests
//!
//! A network has [`Conditions`]: messages that are lost, doubled, reordered or late, drawn from its seed, and
//! [partitions](MemoryNetwork::partition). In a [`World`] all nodes run on one thread and on virtual time, which their
//! signals, timers and time-outs follow: an hour passes at once, and one seed is one run. The program is the one that
//! runs in production; it is given the transport and the node.
//!
//! # Addresses
//!
//! Any text is a name, and a socket address is one as well: a program that listens on `127.0.0.1:0` gets a port of the
//! network's own. Names of messages and of streams are apart, and those of two networks.

mod conditions;
mod end;
mod links;
mod listener;
mod names;
mod network;
mod parcels;
mod pipe;
mod random;
mod transport;
mod world;

pub use conditions::Conditions;
pub use network::MemoryNetwork;
pub use pipe::MAX_MESSAGE_LEN;
pub use transport::{Memory, MemoryStream};
pub use world::{World, WorldListener};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
