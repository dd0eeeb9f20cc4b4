//! Blocking sockets of std by hand, a thread per connection: the least that a message can cost.

mod datagrams;
mod stream;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    let is_udp = args.transport() == "udp";
    match (args.scenario.as_str(), args.role.as_str()) {
        ("echo", "server") if is_udp => datagrams::echo(),
        ("echo", "client") if is_udp => datagrams::exchange(args),
        ("alone", _) if is_udp => datagrams::alone(args),
        ("echo", "server") => stream::echo(args),
        ("echo", "client") => stream::exchange(args),
        ("alone", _) => stream::alone(args),
        ("stream", "receiver") => stream::receive(args),
        ("stream", "sender") => stream::send(args, false),
        // As the sender, but what is sent gathers in a buffer of 64 KiB.
        ("stream", "batch-sender") => stream::send(args, true),
        _ => panic!("no such scenario"),
    }
}
