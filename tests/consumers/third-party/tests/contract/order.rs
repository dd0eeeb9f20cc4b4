//! Messages of one thread to one endpoint arrive in order, whole, once.

use std::thread;

use crate::kit::*;

const MESSAGES: u32 = 2_000;

/// From 8 bytes to 70 KiB, most of them short, with the sender and the number in front.
fn message(sender: u32, number: u32) -> Vec<u8> {
    let len = if number % 500 == 499 { 70 << 10 } else { 8 + (number * 7 + sender) as usize % 500 };
    let mut message = vec![(sender * 31 + number) as u8; len];
    message[..4].copy_from_slice(&sender.to_be_bytes());
    message[4..8].copy_from_slice(&number.to_be_bytes());
    message
}

fn send_all(handler: &Handler, to: Endpoint, senders: u32) {
    thread::scope(|scope| {
        for sender in 0..senders {
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let status = handler.network().send(to, &message(sender, number));
                    assert_eq!(status, SendStatus::Sent);
                }
            });
        }
    });
}

/// Takes all messages of so many senders.
fn receive_all(node: &Node, senders: u32) {
    let mut next = vec![0; senders as usize];
    while next.iter().any(|number| *number < MESSAGES) {
        let (_, got) = node.message();
        let word = |at: usize| u32::from_be_bytes(got[at..at + 4].try_into().unwrap());
        let (sender, number) = (word(0), word(4));
        assert_eq!(number, next[sender as usize], "not in the order of sender {sender}");
        assert!(got == message(sender, number), "message {number} of {sender} is torn");
        next[sender as usize] += 1;
    }
    node.assert_silent();
}

over_adapters! {
    fn messages_of_eight_threads_arrive_whole_once_and_in_order(adapter) {
        let Pair { server, client, to_server, .. } = Pair::new(&adapter);
        let sender = client.handler.clone();
        thread::scope(|scope| {
            scope.spawn(|| send_all(&sender, to_server, 8));
            receive_all(&server, 8);
        });
    }

    fn they_do_though_every_thread_waits_for_room_all_the_time(adapter) {
        let adapter = adapter.limited(Limits::default().with_outbox_soft_mark(0));
        let Pair { server, client, to_server, .. } = Pair::new(&adapter);
        let sender = client.handler.clone();
        thread::scope(|scope| {
            scope.spawn(|| send_all(&sender, to_server, 4));
            receive_all(&server, 4);
        });
    }

    fn they_do_in_both_directions_at_the_same_time(adapter) {
        let Pair { server, client, to_client, to_server } = Pair::new(&adapter);
        let senders = [client.handler.clone(), server.handler.clone()];
        thread::scope(|scope| {
            scope.spawn(|| send_all(&senders[0], to_server, 4));
            scope.spawn(|| send_all(&senders[1], to_client, 4));
            let receiver = scope.spawn(move || {
                receive_all(&client, 4);
                client // Its end comes when both are done.
            });
            receive_all(&server, 4);
            receiver.join().unwrap();
        });
    }

    fn messages_of_the_callback_arrive_in_order(adapter) {
        let server = Node::with(|handler, event| {
            if let NetEvent::Message(endpoint, _) = event {
                for number in 0..MESSAGES {
                    let status = handler.network().send(*endpoint, &message(0, number));
                    assert_eq!(status, SendStatus::Sent);
                }
            }
        });
        let Pair { server: _server, client, to_server, .. } = Pair::of(&adapter, server, Node::new());
        client.network().send(to_server, b"go");
        receive_all(&client, 1);
    }
}
