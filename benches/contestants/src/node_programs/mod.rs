//! Programs on a node: compiled once for polywire and once for message-io, which `library` is.

pub(crate) use super::{
    KEEPS_MESSAGES_BACK, connect, drain, library, listen, listen_with_large_buffer, prepare,
};

mod alone;
mod client;
mod server;
mod spread;
mod stream;
mod threads;

use library::network::Transport;

use crate::args::Args;

pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

pub(crate) fn run(args: &Args) {
    match (args.scenario.as_str(), args.role.as_str()) {
        ("echo", "server") => server::echo(args),
        ("chat", "server") => server::chat(args),
        ("burst" | "neighbours", "server") => server::echo(args),
        ("spread", _) => spread::run(args),
        ("echo", "client") => client::run(args),
        ("alone", _) => alone::run(args),
        ("stream", "receiver") => stream::receive(args),
        ("stream", "sender") => stream::send(args),
        ("signals", _) => threads::signals(args),
        ("signal-latency", _) => threads::latency(args),
        ("timers", _) => threads::timers(args),
        ("stop", _) => threads::stop(args),
        _ => panic!("no such scenario"),
    }
}

pub(crate) fn transport(args: &Args) -> Transport {
    match args.transport() {
        "tcp" => Transport::Tcp,
        "framed" => Transport::FramedTcp,
        "udp" => Transport::Udp,
        "ws" | "ws-text" => Transport::Ws,
        other => panic!("no such transport: {other}"),
    }
}
