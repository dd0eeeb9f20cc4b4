//! The letters of many threads over each stream transport.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::*;
use crate::letters::{Length, Reader, send_all};

/// Time for all letters, on a busy machine without optimisation.
const TIME: Duration = Duration::from_secs(5 * DEADLINE.as_secs());

/// Sends letters from one node to another, and checks what arrives.
pub(crate) fn exchange(
    transport: Transport,
    (listen, connect): (Box<dyn Listen>, Box<dyn Connect>),
    (length, senders, count): (Length, u32, u32),
) {
    let start = Instant::now();
    let (receiving, listener) = split();
    let (_, addr) = receiving.network().listen(&*listen, LOCALHOST).unwrap();
    let mut sending = Watched::start();
    let (to, _) = sending.handler.network().connect(&*connect, addr).unwrap();

    let mut reader = Reader::new(length, senders, count);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Before the node runs nobody makes room that a sender could wait for.
            assert_eq!(sending.connected(), (to, true));
            send_all(&sending.handler, to, length, senders, count);
            // It goes once all of it has been written.
            sending.handler.network().remove(to.resource_id());
        });
        run_within(TIME, &receiving, listener, "the letters", |event| match event.network() {
            NetEvent::Message(_, message) => reader.take(transport, message),
            NetEvent::Disconnected(_) => receiving.stop(),
            _ => {}
        });
    });
    reader.assert_complete();
    let took = start.elapsed();
    println!("{transport}: {senders} x {count} {length:?} letters in {took:?}");
}

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn short_messages_of_sixteen_threads_arrive_in_order_whole_and_once(transport) {
        const COUNT: u32 = if cfg!(debug_assertions) { 4_000 } else { 100_000 };
        let plain: (Box<dyn Listen>, Box<dyn Connect>) = (Box::new(transport), Box::new(transport));
        exchange(transport, plain, (Length::Short, 16, COUNT));
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn long_messages_of_eight_threads_arrive_in_order_whole_and_once(transport) {
        const COUNT: u32 = if cfg!(debug_assertions) { 120 } else { 2_000 };
        let plain: (Box<dyn Listen>, Box<dyn Connect>) = (Box::new(transport), Box::new(transport));
        exchange(transport, plain, (Length::Long, 8, COUNT));
    }
}
