//! Ping pong over any transport: see the usage text below.
//!
//! `demo.rs` has two nodes of this process play; `server.rs` and `client.rs` are two programs to
//! be run side by side. The transport is a value that comes from the command line: nothing else in
//! the code depends on it.

mod client;
mod demo;
mod server;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use polywire::network::Transport;

const USAGE: &str = "\
usage: ping-pong                                 plays over each transport and tells how fast it was
       ping-pong server TRANSPORT PORT           answers the pings of any number of clients
       ping-pong client TRANSPORT [ADDRESS]      sends a ping each second and shows the answers

TRANSPORT is tcp, framed-tcp, udp or ws; for a client also tcp+tls, framed-tcp+tls or wss.
ADDRESS is 127.0.0.1:3456 unless told; for ws it may be a URL, as ws://example.org/path.";

const DEFAULT_SERVER: &str = "127.0.0.1:3456";

/// What the user asked for.
enum Command {
    Demo,
    Server { transport: Transport, port: u16 },
    Client { transport: Transport, server: String },
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match parse(&args) {
        Ok(Command::Demo) => demo::run(),
        Ok(Command::Server { transport, port }) => server::run(transport, port),
        Ok(Command::Client { transport, server }) => client::run(transport, &server),
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[&str]) -> Result<Command, Box<dyn Error>> {
    match *args {
        [] => Ok(Command::Demo),
        ["server", transport, port] => {
            let port = port.parse().map_err(|error| format!("'{port}' is not a port: {error}"))?;
            Ok(Command::Server { transport: transport.parse()?, port })
        }
        ["client", transport] => parse(&["client", transport, DEFAULT_SERVER]),
        ["client", transport, server] => {
            Ok(Command::Client { transport: transport.parse()?, server: server.into() })
        }
        _ => Err("these arguments make no sense to ping-pong".into()),
    }
}
