//! TCP, framed and WebSocket.

use std::io::{BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::times::RoundTrips;
use crate::usage;
use crate::wire::Wire;
use crate::ws_handshake;

const ANY_PORT: &str = "127.0.0.1:0";

/// A blocking stream that is read message by message.
struct Messages {
    stream: TcpStream,
    wire: Wire,
    buffer: Vec<u8>,
    filled: usize,
}

impl Messages {
    fn new(stream: TcpStream, wire: Wire) -> Self {
        Self { stream, wire, buffer: vec![0; 256 << 10], filled: 0 }
    }

    fn send(&mut self, message: &[u8], out: &mut Vec<u8>) {
        out.clear();
        self.wire.push(message, out);
        self.stream.write_all(out).expect("writes");
    }

    /// Reads once and hands the whole messages out. Returns whether the peer is still there.
    fn read(&mut self, mut each: impl FnMut(&[u8])) -> bool {
        let Ok(len @ 1..) = self.stream.read(&mut self.buffer[self.filled..]) else { return false };
        self.filled += len;
        let bytes = &mut self.buffer[..self.filled];
        let mut used = 0;
        while let Some(frame) = self.wire.find(&bytes[used..]) {
            each(frame.message(&mut bytes[used..]));
            used += frame.end;
        }
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        true
    }
}

fn listen() -> TcpListener {
    TcpListener::bind(ANY_PORT).expect("a free port")
}

fn accept(listener: &TcpListener, args: &Args) -> Messages {
    let (mut stream, _) = listener.accept().expect("accepts");
    stream.set_nodelay(true).expect("sets an option");
    let wire = Wire::server(args.transport(), args.size());
    if wire.is_ws() {
        ws_handshake::accept(&mut stream).expect("shakes hands");
    }
    Messages::new(stream, wire)
}

fn connect(args: &Args, port: u16) -> Messages {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("sets an option");
    let wire = Wire::client(args.transport(), args.size());
    if wire.is_ws() {
        ws_handshake::connect(&mut stream).expect("shakes hands");
    }
    Messages::new(stream, wire)
}

pub(super) fn echo(args: &Args) {
    let listener = listen();
    usage::serve(listener.local_addr().expect("bound").port());
    thread::scope(|scope| {
        loop {
            let mut conn = accept(&listener, args);
            scope.spawn(move || {
                let wire = conn.wire;
                let mut out = Vec::new();
                while conn.read(|message| wire.push(message, &mut out)) {
                    if conn.stream.write_all(&out).is_err() {
                        return;
                    }
                    out.clear();
                }
            });
        }
    });
}

pub(super) fn exchange(args: &Args) {
    let mut conn = connect(args, args.number("port"));
    let mut trips = RoundTrips::new(args);
    let mut out = Vec::new();
    let mut goes_on = true;
    while goes_on {
        conn.send(trips.next(), &mut out);
        let mut came = false;
        while !came {
            let lives = conn.read(|message| {
                came = true;
                goes_on = trips.answered(message);
            });
            assert!(lives, "the server lives");
        }
    }
    trips.print();
}

pub(super) fn alone(args: &Args) {
    let listener = listen();
    let port = listener.local_addr().expect("bound").port();
    let (mut sender, mut receiver) = thread::scope(|scope| {
        // A handshake needs both ends at once.
        let accepted = scope.spawn(|| accept(&listener, args));
        (connect(args, port), accepted.join().expect("accepts"))
    });
    let mut trips = RoundTrips::new(args);
    let mut out = Vec::new();
    let mut goes_on = true;
    while goes_on {
        sender.send(trips.next(), &mut out);
        assert!(receiver.read(|message| goes_on = trips.answered(message)), "the peer lives");
    }
    trips.print();
}

pub(super) fn receive(args: &Args) {
    let listener = listen();
    usage::serve(listener.local_addr().expect("bound").port());
    let mut conn = accept(&listener, args);
    let mut checker = Checker::new(args.size());
    let mut is_over = false;
    while !is_over {
        let lives = conn.read(|message| is_over |= checker.message(message));
        assert!(lives, "the sender waits for the end");
    }
    checker.print();
}

pub(super) fn send(args: &Args, in_batches: bool) {
    let mut conn = connect(args, args.number("port"));
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let mut out = Vec::new();
    if in_batches {
        let mut writer = BufWriter::with_capacity(64 << 10, &conn.stream);
        while let Some(message) = source.next() {
            out.clear();
            conn.wire.push(message, &mut out);
            writer.write_all(&out).expect("writes");
        }
        writer.flush().expect("writes");
    } else {
        while let Some(message) = source.next() {
            conn.send(message, &mut out);
        }
    }
    conn.read(|_| {}); // Until the receiver closes.
    source.print(cpu, 0);
}
