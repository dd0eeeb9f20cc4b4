//! A message to an echo server and back, over every transport, each side on a thread of its own.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::sync::mpsc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

fn echo_server(transport: Transport) -> (NodeHandler<()>, NodeTask, std::net::SocketAddr) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(transport, "127.0.0.1:0").expect("a free port");
    let echo = handler.clone();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
            echo.network().send(endpoint, message);
        }
    });
    (handler, task, addr)
}

fn round_trips(c: &mut Criterion) {
    let mut group = c.benchmark_group("round trip of 64 bytes");
    for &transport in Transport::ALL {
        let (server, _server_task, addr) = echo_server(transport);
        let (client, listener) = node::split::<()>();
        let (endpoint, _) =
            client.network().connect_sync(transport, addr).expect("the server listens");
        let (answered, answers) = mpsc::channel();
        let _client_task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(..)) = event {
                // Nobody waits for the last one.
                let _ = answered.send(());
            }
        });
        group.bench_function(transport.name(), |b| {
            b.iter(|| {
                client.network().send(endpoint, &[b'x'; 64]);
                // A lost datagram must not hold the bench up for ever.
                answers.recv_timeout(Duration::from_secs(1))
            });
        });
        client.stop();
        server.stop();
    }
}

criterion_group!(benches, round_trips);
criterion_main!(benches);
