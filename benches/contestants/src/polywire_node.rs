//! polywire: the same programs as for message-io, to the letter, but for what only polywire offers.

use std::io;
use std::net::SocketAddr;

use polywire::adapters::udp::UdpListenConfig;
use polywire::network::{Endpoint, NetworkController, TransportListen};

use crate::args::{Args, LARGE_BUFFER};

pub(crate) use polywire as library;

mod alone;
mod deflate;
mod load;
#[path = "node_programs/mod.rs"]
mod node_programs;
mod secure;
mod unix;

/// `polywire-batch`, `polywire-load` and `polywire-two` are programs of their own, `polywire-busy` is the
/// same as all but polls busily.
pub(crate) fn run(args: &Args) {
    match (args.contestant.as_str(), args.role.as_str()) {
        _ if args.scenario == "deflate-echo" => deflate::echo(args),
        _ if args.scenario == "deflate-fan-out" => deflate::fan_out(args),
        ("polywire-batch", "sender") => alone::send_batches(args),
        ("polywire-two", "server") => alone::echo_by_two_nodes(args),
        ("polywire-load", _) => load::run(args),
        _ => node_programs::run(args),
    }
}

/// Sets up what the contestant is to differ in.
pub(crate) fn prepare(network: &NetworkController, args: &Args) {
    if args.contestant == "polywire-busy" {
        network.set_busy_poll(alone::BUSY);
    }
}

pub(crate) fn listen(network: &NetworkController, args: &Args) -> io::Result<SocketAddr> {
    if args.is_unix() {
        return unix::listen(network, args);
    }
    let (_, addr) = match args.has_tls() {
        true => secure::listen(network, args),
        false => network.listen(node_programs::transport(args), node_programs::ANY_PORT),
    }?;
    Ok(addr)
}

pub(crate) fn connect(network: &NetworkController, args: &Args) -> io::Result<Endpoint> {
    let (endpoint, _) = match args.has_tls() {
        _ if args.is_unix() => unix::connect(network, args),
        true => secure::connect(network, args),
        false => network.connect(node_programs::transport(args), args.peer()),
    }?;
    Ok(endpoint)
}

/// Waits until all that was sent is written.
pub(crate) fn drain(network: &NetworkController) {
    while network.stats().queued_bytes > 0 {
        std::thread::sleep(std::time::Duration::from_micros(100));
    }
}

/// Whether messages may stay in the library until something else comes.
pub(crate) const KEEPS_MESSAGES_BACK: bool = false;

pub(crate) fn listen_with_large_buffer(network: &NetworkController) -> SocketAddr {
    let config = UdpListenConfig::default().with_receive_buffer_size(LARGE_BUFFER);
    let listening = network.listen_with(TransportListen::Udp(config), "127.0.0.1:0");
    listening.expect("a free port").1
}
