//! polywire: the same programs as for message-io, to the letter, but for what only polywire offers.

use std::net::SocketAddr;

use polywire::adapters::udp::UdpListenConfig;
use polywire::network::{NetworkController, TransportListen};

use crate::args::LARGE_BUFFER;

pub(crate) use polywire as library;

#[path = "node_programs/mod.rs"]
mod node_programs;

// What one library alone can do is a contestant `polywire-...` that is told from the others here.
pub(crate) use node_programs::run;

/// Whether messages may stay in the library until something else comes.
pub(crate) const KEEPS_MESSAGES_BACK: bool = false;

pub(crate) fn listen_with_large_buffer(network: &NetworkController) -> SocketAddr {
    let config = UdpListenConfig::default().with_receive_buffer_size(LARGE_BUFFER);
    let listening = network.listen_with(TransportListen::Udp(config), "127.0.0.1:0");
    listening.expect("a free port").1
}
