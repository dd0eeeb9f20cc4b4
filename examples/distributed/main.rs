//! Participants that find each other through a discovery server and then talk without it.
//!
//! `message.rs` is what they tell each other, `discovery_server.rs` and `participant.rs` the two
//! programs.

mod discovery_server;
mod message;
mod participant;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: distributed discovery-server [PORT]
       distributed participant NAME [SERVER]

PORT is 5000, SERVER is 127.0.0.1:5000 unless told.";

const DEFAULT_PORT: u16 = 5000;
const DEFAULT_SERVER: &str = "127.0.0.1:5000";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["discovery-server"] => discovery_server::run(DEFAULT_PORT),
        ["discovery-server", port] => match port.parse() {
            Ok(port) => discovery_server::run(port),
            Err(_) => return wrong_usage(),
        },
        ["participant", name] => participant::run(name, DEFAULT_SERVER),
        ["participant", name, server] => participant::run(name, server),
        _ => return wrong_usage(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn wrong_usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
