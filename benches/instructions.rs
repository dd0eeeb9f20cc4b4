//! Instructions that a message costs, as callgrind counts them: the same on a busy machine, so that a
//! limit on them is a guard that CI can keep.
//!
//! One node talks to itself over loopback, so one thread does everything, and the kernel's part is
//! not counted. `cargo xtask instructions` runs this and fails above a limit. Each limit is some 3 %
//! above what was counted when it was set; lower it when you make something cheaper.

#![allow(missing_docs, reason = "gungraun's macros make items without")]

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent};

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
#[bench::tcp(args = (Transport::Tcp), config = limit(2_920_000))]
#[bench::framed_tcp(args = (Transport::FramedTcp), config = limit(3_230_000))]
#[bench::udp(args = (Transport::Udp), config = limit(2_665_000))]
#[bench::ws(args = (Transport::Ws), config = limit(4_025_000))]
fn lone_messages(transport: Transport) {
    echo(transport, (1, 64));
}

#[library_benchmark]
#[bench::tcp(args = (Transport::Tcp), config = limit(8_580_000))]
#[bench::framed_tcp(args = (Transport::FramedTcp), config = limit(19_320_000))]
#[bench::udp(args = (Transport::Udp), config = limit(16_880_000))]
#[bench::ws(args = (Transport::Ws), config = limit(30_410_000))]
fn sixteen_at_once(transport: Transport) {
    echo(transport, (16, 64));
}

#[library_benchmark]
#[bench::framed_tcp(args = (Transport::FramedTcp), config = limit(3_460_000))]
#[bench::ws(args = (Transport::Ws), config = limit(110_500_000))]
fn messages_of_64_kib(transport: Transport) {
    echo(transport, (1, 64 << 10));
}

// A thousand times sixteen of them.
#[library_benchmark]
#[bench::sixteen_at_once(config = limit(2_290_000))]
fn signals() {
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
    benchmarks = lone_messages, sixteen_at_once, messages_of_64_kib, signals
);

main!(library_benchmark_groups = a_message);
