//! Instructions that a message costs, as callgrind counts them: the same on a busy machine, so that a
//! limit on them is a guard that CI can keep.
//!
//! In most rows one node talks to itself over loopback: one thread is both ends, and both are counted. The
//! rows of `a_server` count the server alone: its client is a plain socket on another thread. The kernel's
//! part is never counted. `cargo xtask instructions` runs this and fails above a limit. Each limit is some
//! 3 % above what was counted when it was set; lower it when you make something cheaper.

#![allow(missing_docs, reason = "gungraun's macros make items without")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeListener};

/// Round trips of one run: enough that making the node does not matter.
const ROUNDS: usize = 1000;

fn limit(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

/// Sends `depth` messages of `size` bytes at once, waits for their echoes, and so on.
fn echo(transport: Transport, (depth, size): (usize, usize)) {
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let (_, addr) = network.listen(transport, "127.0.0.1:0").expect("a free port");
    let (client, _) = network.connect(transport, addr).expect("somebody listens");
    let message = vec![7; size];
    let send = || {
        for _ in 0..depth {
            network.send(client, &message);
        }
    };
    let (mut rounds, mut bytes) = (0, 0);
    listener.for_each(|event| match event {
        NodeEvent::Network(NetEvent::Connected(..)) => send(),
        NodeEvent::Network(NetEvent::Message(from, data)) if from == client => {
            bytes += data.len();
            if bytes == depth * size {
                (rounds, bytes) = (rounds + 1, 0);
                if rounds == ROUNDS { handler.stop() } else { send() }
            }
        }
        NodeEvent::Network(NetEvent::Message(from, data)) => {
            network.send(from, data);
        }
        _ => {}
    });
}

#[library_benchmark]
#[bench::tcp(args = (Transport::Tcp), config = limit(2_460_000))]
#[bench::framed_tcp(args = (Transport::FramedTcp), config = limit(2_640_000))]
#[bench::udp(args = (Transport::Udp), config = limit(2_295_000))]
#[bench::ws(args = (Transport::Ws), config = limit(3_155_000))]
fn lone_messages(transport: Transport) {
    echo(transport, (1, 64));
}

#[library_benchmark]
#[bench::tcp(args = (Transport::Tcp), config = limit(7_130_000))]
#[bench::framed_tcp(args = (Transport::FramedTcp), config = limit(17_660_000))]
#[bench::udp(args = (Transport::Udp), config = limit(15_680_000))]
#[bench::ws(args = (Transport::Ws), config = limit(22_610_000))]
fn sixteen_at_once(transport: Transport) {
    echo(transport, (16, 64));
}

#[library_benchmark]
#[bench::framed_tcp(args = (Transport::FramedTcp), config = limit(2_965_000))]
#[bench::ws(args = (Transport::Ws), config = limit(103_040_000))]
fn messages_of_64_kib(transport: Transport) {
    echo(transport, (1, 64 << 10));
}

/// Messages that a server echoes in one run: a row of `a_server` divided by this is the cost of one, to
/// which making the connection adds some 4 instructions.
const SERVED: usize = 16_000;

/// Bytes of each of them.
const SERVED_BYTES: usize = 64;

/// A node that listens, and a client of it that sends `depth` messages by one write, waits for
/// their echoes, and so on. Callgrind counts neither this nor the client's thread.
fn server(transport: Transport, depth: usize) -> (NodeHandler<()>, NodeListener<()>) {
    let (handler, listener) = node::split();
    let (_, addr) = handler.network().listen(transport, "127.0.0.1:0").expect("a free port");
    thread::spawn(move || ask(transport, addr, depth));
    (handler, listener)
}

fn ask(transport: Transport, addr: SocketAddr, depth: usize) {
    let mut socket = TcpStream::connect(addr).expect("somebody listens");
    let len = SERVED_BYTES as u8;
    let (header, answer_header) = match transport {
        // Masked by a key of four different bytes.
        Transport::Ws => (vec![0x82, 0x80 | len, 0x37, 0xfa, 0x21, 0x3d], 2),
        _ => (vec![len], 1),
    };
    if transport == Transport::Ws {
        shake_hands(&mut socket);
    }
    let message = [&header[..], &[7; SERVED_BYTES]].concat().repeat(depth);
    let mut answer = vec![0; depth * (answer_header + SERVED_BYTES)];
    for _ in 0..SERVED / depth {
        socket.write_all(&message).expect("the server reads");
        socket.read_exact(&mut answer).expect("the server answers");
    }
}

fn shake_hands(socket: &mut TcpStream) {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("the server reads");
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("the server answers");
        head.push(byte[0]);
    }
}

#[library_benchmark(setup = server)]
#[bench::framed_tcp(args = (Transport::FramedTcp, 1), config = limit(20_330_000))]
#[bench::framed_tcp_by_sixteen(args = (Transport::FramedTcp, 16), config = limit(8_665_000))]
#[bench::ws(args = (Transport::Ws, 1), config = limit(22_875_000))]
#[bench::ws_by_sixteen(args = (Transport::Ws, 16), config = limit(10_325_000))]
fn a_server(server: (NodeHandler<()>, NodeListener<()>)) {
    serve(server);
}

/// Not in the benchmark's own function: callgrind counts while that runs, but not while a closure of it does.
fn serve((handler, listener): (NodeHandler<()>, NodeListener<()>)) {
    let network = handler.network();
    let mut served = 0;
    listener.for_each(|event| {
        if let NodeEvent::Network(NetEvent::Message(from, data)) = event {
            network.send(from, data);
            served += 1;
            if served == SERVED {
                handler.stop();
            }
        }
    });
}

// A thousand times sixteen of them.
#[library_benchmark]
#[bench::sixteen_at_once(config = limit(3_580_000))]
fn signals() {
    pass_signals();
}

/// Apart for the reason that `serve` is.
fn pass_signals() {
    let (handler, listener) = node::split::<usize>();
    handler.signals().send(0);
    let mut rounds = 0;
    listener.for_each(|event| {
        if let NodeEvent::Signal(0) = event {
            rounds += 1;
            if rounds == ROUNDS {
                return handler.stop();
            }
            (0..16).rev().for_each(|number| handler.signals().send(number));
        }
    });
}

library_benchmark_group!(
    name = a_message;
    benchmarks = lone_messages, sixteen_at_once, messages_of_64_kib, a_server, signals
);

main!(library_benchmark_groups = a_message);
