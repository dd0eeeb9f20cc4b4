//! What all contestants are measured with: many connections from one thread, each answer compared; and
//! a receiver that is the same for all.

mod burst;
mod client;
mod echo;
mod neighbours;
mod sink;
mod stream;
mod unread;
mod visits;

use crate::args::Args;

pub(crate) fn run(args: &Args) {
    match args.scenario.as_str() {
        "echo" => echo::run(args),
        "burst" => burst::run(args),
        "neighbours" => neighbours::run(args),
        "chat" => echo::chat(args),
        "visits" => visits::run(args),
        "spread" => sink::run(args),
        "stream" => unread::run(),
        _ => panic!("no such scenario"),
    }
}
