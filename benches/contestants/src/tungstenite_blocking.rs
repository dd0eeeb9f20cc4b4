//! tungstenite on blocking sockets, a thread per connection: WebSocket only.

use std::net::{TcpListener, TcpStream};
use std::thread;

use tungstenite::{Message, WebSocket};

use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::times::RoundTrips;
use crate::usage;

type Socket = WebSocket<TcpStream>;

pub(crate) fn run(args: &Args) {
    match (args.scenario.as_str(), args.role.as_str()) {
        ("echo", "server") => echo(),
        ("echo", "client") => exchange(args),
        ("alone", _) => alone(args),
        ("stream", "receiver") => receive(args),
        ("stream", "sender") => send(args),
        _ => panic!("no such scenario"),
    }
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn accept(listener: &TcpListener) -> Socket {
    let (stream, _) = listener.accept().expect("accepts");
    stream.set_nodelay(true).expect("sets an option");
    tungstenite::accept(stream).expect("shakes hands")
}

fn connect(port: u16) -> Socket {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("sets an option");
    let (socket, _) = tungstenite::client("ws://127.0.0.1/", stream).expect("shakes hands");
    socket
}

fn echo() {
    let (listener, port) = listen();
    usage::serve(port);
    loop {
        let mut socket = accept(&listener);
        thread::spawn(move || {
            while let Ok(message) = socket.read() {
                if !is_data(&message) || socket.send(message).is_err() {
                    return;
                }
            }
        });
    }
}

fn is_data(message: &Message) -> bool {
    message.is_binary() || message.is_text()
}

fn exchange(args: &Args) {
    let mut socket = connect(args.number("port"));
    let mut trips = RoundTrips::new(args);
    loop {
        socket.send(Message::binary(trips.next().to_vec())).expect("writes");
        if !trips.answered(&socket.read().expect("an answer").into_data()) {
            return trips.print();
        }
    }
}

fn alone(args: &Args) {
    let (listener, port) = listen();
    let (mut sender, mut receiver) = thread::scope(|scope| {
        let accepted = scope.spawn(|| accept(&listener));
        (connect(port), accepted.join().expect("accepts"))
    });
    let mut trips = RoundTrips::new(args);
    loop {
        sender.send(Message::binary(trips.next().to_vec())).expect("writes");
        if !trips.answered(&receiver.read().expect("a message").into_data()) {
            return trips.print();
        }
    }
}

fn receive(args: &Args) {
    let (listener, port) = listen();
    usage::serve(port);
    let mut socket = accept(&listener);
    let mut checker = Checker::new(args.size());
    while !checker.message(&socket.read().expect("a message").into_data()) {}
    checker.print();
}

fn send(args: &Args) {
    let mut socket = connect(args.number("port"));
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    while let Some(message) = source.next() {
        socket.send(Message::binary(message.to_vec())).expect("writes");
    }
    let _ = socket.read(); // Until the receiver closes.
    source.print(cpu, 0);
}
