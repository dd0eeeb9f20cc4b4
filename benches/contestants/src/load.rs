//! The load that all servers get: many connections from one thread, each answer compared.

mod echo;
mod guest;
mod visits;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    match args.scenario.as_str() {
        "echo" => echo::run(args),
        "chat" => echo::chat(args),
        "visits" => visits::run(args),
        _ => panic!("no such scenario"),
    }
}
