//! Messages of one thread to one endpoint arrive in order, whole, once.

use std::thread;

use polywire_core::MessageKind;
use polywire_core::bytes::Bytes;

use crate::conformance::node::*;

const MESSAGES: u32 = 1_000;
/// Length, sender and number.
const FRONT: usize = 12;

/// From 12 bytes to 70 KiB, most of them short, with its length, the sender and the number in front.
fn message(sender: u32, number: u32) -> Vec<u8> {
    let len =
        if number % 500 == 499 { 70 << 10 } else { FRONT + (number * 7 + sender) as usize % 500 };
    let mut message = vec![(sender * 31 + number) as u8; len];
    message[..4].copy_from_slice(&(len as u32).to_be_bytes());
    message[4..8].copy_from_slice(&sender.to_be_bytes());
    message[8..FRONT].copy_from_slice(&number.to_be_bytes());
    message
}

fn word(message: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(message[at..at + 4].try_into().unwrap_or_default())
}

/// Each sender sends all its messages, and gives away every third of them.
fn send_all(handler: &Handler, to: Endpoint, senders: u32) {
    thread::scope(|scope| {
        for sender in 0..senders {
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let (network, message) = (handler.network(), message(sender, number));
                    let status = match number % 3 {
                        0 => network.send_owned(to, &Bytes::from(message)),
                        _ => network.send(to, &message),
                    };
                    assert_eq!(status, SendStatus::Sent);
                }
            });
        }
    });
}

/// Takes what arrives, in whole messages or in parts of them.
struct Referee {
    next: Vec<u32>,
    keeps_messages: bool,
    cut: Vec<u8>,
}

impl Referee {
    fn new(subject: &Subject, senders: u32) -> Self {
        let keeps_messages = subject.capabilities().packets;
        Self { next: vec![0; senders as usize], keeps_messages, cut: Vec::new() }
    }

    fn is_done(&self) -> bool {
        self.next.iter().all(|number| *number == MESSAGES)
    }

    fn take(&mut self, got: &[u8]) {
        self.cut.extend_from_slice(got);
        let mut front = 0;
        while self.cut.len() - front >= FRONT {
            let len = word(&self.cut, front) as usize;
            assert!((FRONT..=70 << 10).contains(&len), "torn: a message of {len} bytes");
            if self.cut.len() - front < len {
                break;
            }
            let whole = &self.cut[front..front + len];
            let (sender, number) = (word(whole, 4), word(whole, 8));
            let next = self.next.get_mut(sender as usize).expect("a sender that there is");
            assert_eq!(number, *next, "not in the order of sender {sender}");
            assert!(*whole == message(sender, number), "message {number} of {sender} is torn");
            *next += 1;
            front += len;
        }
        self.cut.drain(..front);
        assert!(self.cut.is_empty() || !self.keeps_messages, "not a whole message");
    }
}

/// Takes all messages of so many senders.
fn receive_all(subject: &Subject, node: &Node, senders: u32) {
    let mut referee = Referee::new(subject, senders);
    while !referee.is_done() {
        referee.take(&node.message().1);
    }
    assert!(referee.cut.is_empty(), "more came than was sent");
    node.assert_silent();
}

fn threads_to_server(subject: &Subject, senders: u32) {
    let Pair { server, client, to_server, .. } = Pair::new(subject);
    let sender = client.handler.clone();
    thread::scope(|scope| {
        scope.spawn(|| send_all(&sender, to_server, senders));
        receive_all(subject, &server, senders);
    });
}

/// E5: frames of several threads never mix, and each thread's arrive in its order.
pub fn messages_of_eight_threads_arrive_whole_once_and_in_order(subject: &Subject) {
    threads_to_server(subject, 8);
}

/// E5: the same where a thread waits for room before each message.
pub fn messages_arrive_in_order_though_every_thread_waits_for_room(subject: &Subject) {
    threads_to_server(&subject.limited(Limits::default().with_outbox_soft_mark(0)), 4);
}

/// E5: the same in both directions at the same time.
pub fn messages_arrive_in_order_in_both_directions_at_once(subject: &Subject) {
    let Pair { server, client, to_client, to_server } = Pair::new(subject);
    let senders = [client.handler.clone(), server.handler.clone()];
    thread::scope(|scope| {
        scope.spawn(|| send_all(&senders[0], to_server, 4));
        scope.spawn(|| send_all(&senders[1], to_client, 4));
        let receiver = scope.spawn(move || {
            receive_all(subject, &client, 4);
            client // Its end comes when both are done.
        });
        receive_all(subject, &server, 4);
        receiver.join().expect("the other side has got all, too");
    });
}

/// E5: what the callback sends is in order, though it gathers.
pub fn messages_of_the_callback_arrive_in_order(subject: &Subject) {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Message(endpoint, _) = event {
            for number in 0..MESSAGES {
                let status = handler.network().send(*endpoint, &message(0, number));
                assert_eq!(status, SendStatus::Sent);
            }
        }
    });
    let Pair { server: _server, client, to_server, .. } =
        Pair::of(subject, server, Node::new(subject));
    client.network().send(to_server, b"g"); // A stream cuts no byte.
    receive_all(subject, &client, 1);
}

/// E5 and E10: where both sides send and both send back what they get, nobody waits for the other one for good.
pub fn both_sides_send_while_both_send_back(subject: &Subject) {
    const ROUNDS: usize = 4;
    const LONG: usize = 256 << 10;
    // The first byte tells what is still to be sent back.
    let reflecting = || {
        let mut left = ROUNDS * LONG;
        Node::with(subject, move |handler, event| {
            let NetEvent::Message(endpoint, message) = event else { return };
            let part = message.len().min(left);
            if part > 0 {
                handler.network().send(*endpoint, &message[..part]);
            }
            left -= part;
        })
    };
    let Pair { server, client, to_client, to_server } =
        Pair::of(subject, reflecting(), reflecting());
    thread::scope(|scope| {
        for (node, to) in [(&server.handler, to_client), (&client.handler, to_server)] {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let status = node.network().send(to, &vec![round as u8; LONG]);
                    assert_eq!(status, SendStatus::Sent);
                }
            });
        }
    });
    for node in [&server, &client] {
        let mut bytes = 0;
        while bytes < 2 * ROUNDS * LONG {
            bytes += node.message().1.len();
        }
        assert_eq!(bytes, 2 * ROUNDS * LONG, "more came than was sent");
        node.assert_silent();
    }
}

/// E5 and E7: `send_many` is as many sends, in their order, and all have been taken when it returns.
pub fn send_many_is_as_many_sends(subject: &Subject) {
    let Pair { server, client, to_server, .. } = Pair::new(subject);
    let sender = client.handler.clone();
    thread::scope(|scope| {
        scope.spawn(move || {
            let sent = sender
                .network()
                .send_many(to_server, (0..MESSAGES).map(|number| message(0, number)));
            assert_eq!((sent.taken, sent.status), (MESSAGES as usize, SendStatus::Sent));
        });
        receive_all(subject, &server, 1);
    });
    eventually(subject, "all to be written", || client.queued() == 0);
}

/// E5: `send_to_each` reaches each of many endpoints once, in the order of other sends.
pub fn send_to_each_reaches_each_endpoint_once(subject: &Subject) {
    const CLIENTS: usize = 5;
    let (server, client) = (Node::new(subject), Node::new(subject));
    let (_, addr) = server.listen(subject);
    let mut pairs = Vec::new();
    for _ in 0..CLIENTS {
        let to_server = client.connect_ready(subject, &addr);
        pairs.push((server.accepted(), to_server));
    }
    for (to_client, _) in &pairs {
        assert_eq!(server.network().send(*to_client, b"before"), SendStatus::Sent);
    }
    let everybody = pairs.iter().map(|(to_client, _)| *to_client);
    let sent = server.network().send_to_each(everybody, MessageKind::BINARY, b"everybody");
    assert_eq!((sent.taken, sent.refused), (CLIENTS, vec![]));
    let mut got = std::collections::HashMap::<Endpoint, Vec<u8>>::new();
    let expected = b"beforeeverybody";
    while got.values().map(Vec::len).sum::<usize>() < CLIENTS * expected.len() {
        let (from, message) = client.message();
        got.entry(from).or_default().extend(message);
    }
    for (_, to_server) in &pairs {
        assert_eq!(got.get(to_server).map(Vec::as_slice), Some(&expected[..]));
    }
    client.assert_silent();
}
