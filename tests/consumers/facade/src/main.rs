//! Uses every name of message-io 0.19 that polywire carries, as existing programs do.

mod configs;
mod echo;
mod helpers;
mod low_level;
mod nodes;
mod signals;
mod values;

fn main() {
    for (name, run) in [
        ("values", values::run as fn()),
        ("configs", configs::run),
        ("helpers", helpers::run),
        ("signals", signals::run),
        ("nodes", nodes::run),
        ("low_level", low_level::run),
        ("echo", echo::run),
    ] {
        run();
        println!("facade: {name} ok");
    }
}
