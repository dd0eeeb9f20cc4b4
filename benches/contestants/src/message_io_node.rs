//! message-io: the same programs as for polywire, to the letter.

use std::io;
use std::net::SocketAddr;

use message_io::network::{Endpoint, NetworkController};

use crate::args::Args;

pub(crate) use message_io as library;

#[path = "node_programs/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "two libraries with one interface run the same source")]
mod node_programs;

pub(crate) use node_programs::run;

/// Once a read has emptied the socket, WebSocket messages behind the first one of that read are not
/// handed out before more comes, or the end of the connection.
pub(crate) const KEEPS_MESSAGES_BACK: bool = true;

pub(crate) fn prepare(_: &NetworkController, _: &Args) {}

pub(crate) fn listen(network: &NetworkController, args: &Args) -> io::Result<SocketAddr> {
    Ok(network.listen(node_programs::transport(args), node_programs::ANY_PORT)?.1)
}

pub(crate) fn connect(network: &NetworkController, args: &Args) -> io::Result<Endpoint> {
    Ok(network.connect(node_programs::transport(args), args.peer())?.0)
}

/// Its `send` returns when all is written.
pub(crate) fn drain(_: &NetworkController) {}

pub(crate) fn listen_with_large_buffer(_: &NetworkController) -> SocketAddr {
    panic!("message-io has no option for it")
}
