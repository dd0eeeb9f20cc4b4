//! What all contestants are measured with: many connections from one thread, each answer compared; and
//! a receiver that is the same for all.

mod burst;
mod client;
mod deflate;
mod echo;
mod neighbours;
mod open_loop;
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
        "open-loop" => open_loop::run(args),
        "chat" => echo::chat(args),
        "deflate-echo" => deflate::echo(args),
        "deflate-fan-out" => deflate::fan_out(args),
        "visits" => visits::run(args),
        "spread" => sink::run(args),
        "stream" => unread::run(),
        _ => panic!("no such scenario"),
    }
}
