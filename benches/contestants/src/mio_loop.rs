//! A minimal loop on mio by hand: what an event loop can reach.

mod client;
mod conn;
mod server;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    match (args.scenario.as_str(), args.role.as_str()) {
        ("echo", "server") if args.transport() == "udp" => client::echo_datagrams(),
        ("echo", "server") => server::run(args, server::Service::Echo),
        ("chat", "server") => server::run(args, server::Service::Chat),
        ("echo", "client") => client::run(args),
        ("stream", "receiver") => server::run(args, server::Service::Check),
        ("stream", "sender") => client::send_stream(args),
        _ => panic!("no such scenario"),
    }
}
