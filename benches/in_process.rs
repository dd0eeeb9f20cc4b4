//! What costs no system call: signals, timers, finding and framing messages.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use polywire::adapters::framed_tcp::Framed;
use polywire::events;
use polywire::network::Message;
use polywire::stream::{Context, Decoded, Encoder, Item, Protocol};

fn signals(c: &mut Criterion) {
    let (sender, mut receiver) = events::split::<u64>();
    c.bench_function("signal, sent and received", |b| {
        b.iter(|| {
            sender.send(black_box(7));
            receiver.try_receive()
        });
    });
    c.bench_function("timer, set and cancelled", |b| {
        b.iter(|| {
            let timer = sender.send_with_timer(7, Duration::from_secs(3600));
            sender.cancel_timer(timer);
        });
    });
}

/// Bytes of many framed messages, as one read may bring them.
fn frames(count: usize, len: usize) -> Vec<u8> {
    let (encoder, message) = (Framed::default().encoder(), vec![b'x'; len]);
    let mut bytes = Vec::new();
    (0..count).for_each(|_| encoder.encode(Message::binary(&message), &mut bytes));
    bytes
}

fn decode(protocol: &mut Framed, mut input: &mut [u8]) -> usize {
    let (mut count, mut out) = (0, Vec::new());
    while !input.is_empty() {
        let Ok(Decoded { consumed, item }) = protocol.decode(input, &mut Context::new(&mut out))
        else {
            break;
        };
        count += usize::from(matches!(item, Item::Message(_)));
        input = &mut input[consumed..];
    }
    count
}

fn framing(c: &mut Criterion) {
    const COUNT: usize = 1000;
    let mut group = c.benchmark_group("framed messages of 64 bytes");
    group.throughput(Throughput::Elements(COUNT as u64));
    let mut bytes = frames(COUNT, 64);
    let mut protocol = Framed::default();
    group.bench_function("found", |b| {
        b.iter(|| assert_eq!(decode(&mut protocol, black_box(&mut bytes)), COUNT));
    });
    group.bench_function("framed", |b| b.iter(|| frames(black_box(COUNT), 64)));
}

criterion_group!(benches, signals, framing);
criterion_main!(benches);
