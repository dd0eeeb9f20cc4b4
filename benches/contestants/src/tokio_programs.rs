//! tokio on one thread, with the codecs that its users take.

mod client;
mod datagrams;
mod server;
mod spread;
mod stream;
mod streams;
mod threads;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    if args.scenario == "stop" {
        return threads::stop(args);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        match (args.scenario.as_str(), args.role.as_str()) {
            ("echo" | "neighbours", "server") => server::echo(args).await,
            ("chat", "server") => server::chat(args).await,
            ("spread", _) => spread::run(args).await,
            ("echo", "client") => client::exchange(args).await,
            ("alone", _) => client::alone(args).await,
            ("stream", "receiver") if args.transport() == "udp" => datagrams::receive(args).await,
            ("stream", "sender") if args.transport() == "udp" => datagrams::send(args).await,
            ("stream", "receiver") => stream::receive(args).await,
            ("stream", "sender") => stream::send(args).await,
            ("signals", _) => threads::signals(args).await,
            ("signal-latency", _) => threads::latency(args).await,
            ("timers", _) => threads::timers(args).await,
            _ => panic!("no such scenario"),
        }
    });
}
