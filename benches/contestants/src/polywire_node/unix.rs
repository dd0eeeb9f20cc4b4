//! Endpoints over Unix sockets, at an abstract name that ends in a number as a port is one.

use std::io;
use std::net::SocketAddr;

use polywire::network::{Endpoint, NetworkController};
use polywire_core::address::Name;
use polywire_unix::{FramedUnix, Unix, WsUnix};

use crate::args::Args;

fn name(number: u16) -> String {
    format!("@polywire-contestants-{number}")
}

/// Returns an address whose port is the number.
pub(super) fn listen(network: &NetworkController, args: &Args) -> io::Result<SocketAddr> {
    let number = (std::process::id() % 50_000) as u16 + 1;
    let name = name(number);
    match args.transport() {
        "tcp" => network.listen(Unix, Name(&name)),
        "framed" => network.listen(FramedUnix, Name(&name)),
        _ => network.listen(WsUnix, Name(&name)),
    }?;
    Ok(SocketAddr::from(([127, 0, 0, 1], number)))
}

pub(super) fn connect(
    network: &NetworkController,
    args: &Args,
) -> io::Result<(Endpoint, SocketAddr)> {
    let name = name(args.number("port"));
    match args.transport() {
        "tcp" => network.connect(Unix, &*name),
        "framed" => network.connect(FramedUnix, &*name),
        _ => network.connect(WsUnix, &*name),
    }
}
