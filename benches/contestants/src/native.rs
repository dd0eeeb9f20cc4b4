//! Blocking sockets of std by hand, a thread per connection: the least that a message can cost.

mod datagrams;
mod stream;
mod threads;
mod tls;

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
        ("stream", "receiver") if is_udp => datagrams::receive(args),
        ("stream", "sender") if is_udp => datagrams::send(args),
        ("stream", "receiver") if args.has_tls() => tls::receive(args),
        ("stream", "sender") if args.has_tls() => tls::send(args),
        ("stream", "receiver") => stream::receive(args),
        // With `native-batch` what is sent gathers in a buffer of 64 KiB.
        ("stream", "sender") => stream::send(args, args.contestant == "native-batch"),
        ("signals", _) => threads::signals(args),
        ("signal-latency", _) => threads::latency(args),
        ("timers", _) => threads::timers(args),
        _ => panic!("no such scenario"),
    }
}
