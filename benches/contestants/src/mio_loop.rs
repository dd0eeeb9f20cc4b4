//! A minimal loop on mio by hand: what an event loop can reach.

mod alone;
mod client;
mod conn;
mod server;
mod threads;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    match (args.scenario.as_str(), args.role.as_str()) {
        ("echo", "server") if args.transport() == "udp" => client::echo_datagrams(),
        ("echo", "server") => server::run(args, server::Service::Echo),
        ("chat", "server") => server::run(args, server::Service::Chat),
        ("burst" | "neighbours", "server") => server::run(args, server::Service::Echo),
        ("echo", "client") => client::run(args),
        ("alone", _) => alone::run(args),
        ("stream", "receiver") if args.transport() == "udp" => client::receive_datagrams(args),
        ("stream", "receiver") => server::run(args, server::Service::Check),
        ("stream", "sender") if args.transport() == "udp" => client::send_datagrams(args),
        ("stream", "sender") => client::send_stream(args),
        ("signals", _) => threads::signals(args),
        ("signal-latency", _) => threads::latency(args),
        ("stop", _) => threads::stop(args),
        _ => panic!("no such scenario"),
    }
}
