//! message-io: the same programs as for polywire, to the letter.

use std::net::SocketAddr;

use message_io::network::NetworkController;

pub(crate) use message_io as library;

#[path = "node_programs/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "two libraries with one interface run the same source")]
mod node_programs;

pub(crate) use node_programs::run;

pub(crate) fn listen_with_large_buffer(_: &NetworkController) -> SocketAddr {
    panic!("message-io has no option for it")
}
