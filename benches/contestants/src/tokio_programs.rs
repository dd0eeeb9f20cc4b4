//! tokio on one thread, with the codecs that its users take.

mod client;
mod server;
mod stream;
mod streams;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        match (args.scenario.as_str(), args.role.as_str()) {
            ("echo", "server") => server::echo(args).await,
            ("chat", "server") => server::chat().await,
            ("echo", "client") => client::exchange(args).await,
            ("alone", _) => client::alone(args).await,
            ("stream", "receiver") => stream::receive(args).await,
            ("stream", "sender") => stream::send(args).await,
            _ => panic!("no such scenario"),
        }
    });
}
