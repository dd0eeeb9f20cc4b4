//! tokio on one thread, as well as one can write it by hand: no codec, one buffer for all reads, one
//! write for all answers to a read.

mod client;
mod conn;
mod sender;
mod server;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        match (args.scenario.as_str(), args.role.as_str()) {
            ("echo", "server") => server::echo(args).await,
            ("chat", "server") => server::chat(args).await,
            ("echo", "client") => client::exchange(args).await,
            ("stream", "receiver") => client::receive(args).await,
            ("stream", "sender") => sender::run(args).await,
            _ => panic!("no such scenario"),
        }
    });
}
