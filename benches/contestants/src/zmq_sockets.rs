//! libzmq: PUSH and PULL sockets, whose messages an inner thread of it sends and receives.

use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::usage;

pub(crate) fn run(args: &Args) {
    match (args.scenario.as_str(), args.role.as_str()) {
        ("stream", "receiver") => receive(args),
        ("stream", "sender") => send(args),
        _ => panic!("no such scenario"),
    }
}

fn receive(args: &Args) {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::PULL).expect("a socket");
    socket.bind("tcp://127.0.0.1:*").expect("a free port");
    let endpoint = socket.get_last_endpoint().expect("bound").expect("has a name");
    let port = endpoint.trim_end_matches('\0').rsplit_once(':').expect("a port").1;
    usage::serve(port.parse().expect("a port"));
    let mut checker = Checker::new(args.size());
    let mut message = zmq::Message::new();
    let mut is_over = false;
    while !is_over {
        socket.recv(&mut message, 0).expect("receives");
        is_over = checker.message(&message);
    }
    checker.print();
}

fn send(args: &Args) {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::PUSH).expect("a socket");
    socket.connect(&format!("tcp://{}", args.peer())).expect("connects");
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    while let Some(message) = source.next() {
        socket.send(message, 0).expect("sends");
    }
    // Before the end of the inner thread, which writes the last thousand first: the time of one
    // that has ended is told in hundredths of a second only.
    source.print(cpu, 0);
}
