//! The contestants of `cargo xtask bench`: small programs that do the same on polywire, by hand and
//! on other libraries. `SCENARIO CONTESTANT ROLE key=value...` says which one this process is; it
//! prints its results as one line of `key=value` pairs.

mod args;
mod chart;
mod inbox;
mod json;
mod load;
mod message_io_node;
mod mio_loop;
mod native;
mod numbered;
mod polywire_node;
mod quinn;
mod spread;
mod threads;
mod times;
mod tls;
mod tls_cases;
mod tokio_programs;
mod tokio_tuned;
mod tungstenite_blocking;
mod usage;
mod wire;
mod work;
mod ws_handshake;
mod yawc_server;
#[cfg(feature = "zmq")]
mod zmq_sockets;

use args::Args;

fn main() {
    let args = Args::from_command_line();
    match args.contestant.as_str() {
        "load" => load::run(&args),
        "chart" => chart::run(&args),
        "native" | "native-batch" | "native-rustls" => native::run(&args),
        "mio" => mio_loop::run(&args),
        ours if ours.starts_with("polywire") => polywire_node::run(&args),
        "message-io" => message_io_node::run(&args),
        "tokio-rustls" if args.scenario == "tls-cases" => tls_cases::run(),
        "tokio" | "tokio-rustls" | "tokio-rustls-send" => tokio_programs::run(&args),
        "tokio-tuned" | "tokio-channel" => tokio_tuned::run(&args),
        "tungstenite" => tungstenite_blocking::run(&args),
        "yawc" => yawc_server::run(&args),
        "quinn-udp" => quinn::run(&args),
        #[cfg(feature = "zmq")]
        "zmq" => zmq_sockets::run(&args),
        other => panic!("no such contestant: {other}"),
    }
}
