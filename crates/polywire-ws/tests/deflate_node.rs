//! Compressed messages in nodes, over real sockets.
#![cfg(feature = "deflate")]

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use polywire_core::network::{NetEvent, NetworkController, SendStatus};
use polywire_core::node::{self, NodeEvent, NodeHandler, NodeTask};
use polywire_core::{Endpoint, MessageKind};
use polywire_ws::{Deflate, WsConnectConfig, WsListenConfig};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    /// How often this thread has compressed a message.
    static COMPRESSED: Cell<usize> = const { Cell::new(0) };
}

/// Counts that, for it is traced. One for all threads: tracing keeps what is traced first by a thread that has none
/// from all others as well.
struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("polywire_ws")
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "message" && format!("{value:?}") == "compressed a message" {
                COMPRESSED.set(COMPRESSED.get() + 1);
            }
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What a node was told.
#[derive(Debug)]
enum Told {
    Ready(Endpoint),
    Message(Vec<u8>),
}

/// A node that tells what it is told.
struct Listening {
    handler: NodeHandler<()>,
    told: Receiver<Told>,
    _task: NodeTask,
}

impl Listening {
    fn new() -> Self {
        static COUNTS: Once = Once::new();
        COUNTS.call_once(|| tracing::subscriber::set_global_default(Counter).unwrap());
        let (handler, listener) = node::split::<()>();
        let (tell, told) = mpsc::channel();
        let task = listener.for_each_async(move |event| {
            let NodeEvent::Network(event) = event else { return };
            let _ = tell.send(match event {
                NetEvent::Connected(endpoint, true) | NetEvent::Accepted(endpoint, _) => {
                    Told::Ready(endpoint)
                }
                NetEvent::Message(_, message) => Told::Message(message.to_vec()),
                other => panic!("{other:?}"),
            });
        });
        Self { handler, told, _task: task }
    }

    fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn ready(&self) -> Endpoint {
        match self.next() {
            Told::Ready(endpoint) => endpoint,
            told => panic!("{told:?}"),
        }
    }

    fn message(&self) -> Vec<u8> {
        match self.next() {
            Told::Message(message) => message,
            told => panic!("{told:?}"),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

fn listen(node: &Listening, deflate: Deflate) -> String {
    let config = WsListenConfig::default().with_deflate(deflate);
    let (_, addr) = node.network().listen(config, "127.0.0.1:0").unwrap();
    format!("ws://{addr}/")
}

/// A message of one of several threads, which looks like all others.
fn numbered(thread: usize, number: usize) -> Vec<u8> {
    format!("thread {thread:4} sends message {number:6} ").repeat(20).into_bytes()
}

#[test]
fn messages_of_many_threads_are_inflated_in_the_order_in_which_they_were_compressed() {
    const THREADS: usize = 4;
    const MESSAGES: usize = 1000;
    for deflate in [Deflate::default(), Deflate::dedicated(10), Deflate::dedicated(15)] {
        let (server, client) = (Listening::new(), Listening::new());
        let url = listen(&server, deflate);
        let config = WsConnectConfig::default().with_deflate(deflate);
        let (endpoint, _) = client.network().connect(config, url.as_str()).unwrap();
        // Before the two have agreed on anything.
        assert_eq!(client.network().send(endpoint, &numbered(THREADS, 0)), SendStatus::Sent);
        let accepted = server.ready();
        assert_eq!(server.message(), numbered(THREADS, 0));
        assert_eq!(client.ready(), endpoint);
        for (from, to, endpoint) in [(&client, &server, endpoint), (&server, &client, accepted)] {
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let network = from.network();
                    scope.spawn(move || {
                        for number in 0..MESSAGES {
                            let message = numbered(thread, number);
                            assert_eq!(network.send(endpoint, &message), SendStatus::Sent);
                        }
                    });
                }
                let mut next = [0; THREADS];
                for _ in 0..THREADS * MESSAGES {
                    let message = to.message();
                    let thread: usize =
                        String::from_utf8_lossy(&message[7..11]).trim().parse().unwrap();
                    assert_eq!(message, numbered(thread, next[thread]));
                    next[thread] += 1;
                }
            });
        }
    }
}

/// How often a message is compressed by this thread while it runs `sending`.
fn compressions(sending: impl FnOnce()) -> usize {
    let before = COMPRESSED.get();
    sending();
    COMPRESSED.get() - before
}

/// Sends a message to endpoints that all take it.
fn send_to_each(node: &Listening, endpoints: &[Endpoint], message: &[u8]) {
    let each = endpoints.iter().copied();
    let sent = node.network().send_to_each(each, MessageKind::TEXT, message);
    assert_eq!((sent.taken, sent.refused.len()), (endpoints.len(), 0));
}

#[test]
fn a_message_to_a_thousand_is_compressed_once() {
    const PEERS: usize = 1000;
    let (server, client) = (Listening::new(), Listening::new());
    let url = listen(&server, Deflate::default());
    let mut endpoints = Vec::new();
    for _ in 0..PEERS {
        let config = WsConnectConfig::default().with_deflate(Deflate::default());
        client.network().connect(config, url.as_str()).unwrap();
        client.ready();
        endpoints.push(server.ready());
    }
    for number in 0..3 {
        let message = numbered(0, number);
        assert_eq!(compressions(|| send_to_each(&server, &endpoints, &message)), 1);
        for _ in 0..PEERS {
            assert_eq!(client.message(), message);
        }
    }
}

#[test]
fn a_message_to_many_is_compressed_once_for_all_that_agreed_on_the_same() {
    const PEERS: usize = 10;
    let message = numbered(0, 0);
    let (server, client) = (Listening::new(), Listening::new());
    let url = listen(&server, Deflate::default());
    let deflate = Deflate::default();
    let configs = [
        WsConnectConfig::default().with_deflate(deflate),
        WsConnectConfig::default().with_deflate(deflate.with_receive_window_bits(10)),
        WsConnectConfig::default(),
    ];
    let mut endpoints = Vec::new();
    for config in configs.iter().flat_map(|config| std::iter::repeat_n(config, PEERS)) {
        client.network().connect(config.clone(), url.as_str()).unwrap();
        client.ready();
        endpoints.push(server.ready());
    }
    let compressed = compressions(|| send_to_each(&server, &endpoints, &message));
    assert_eq!(compressed, 2, "once for each window");
    for _ in 0..3 * PEERS {
        assert_eq!(client.message(), message);
    }
    let more = client.told.recv_timeout(Duration::ZERO);
    assert!(matches!(more, Err(RecvTimeoutError::Timeout)), "{more:?}");
}
