//! Messages to several endpoints, and messages that are given away.

mod support;

use polywire::network::{MessageKind, SendStatus, Transport};

use support::{Node, eventually};

#[test]
fn who_is_full_already_is_told_of_and_holds_up_nobody() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(Transport::FramedTcp);
    let endpoints: Vec<_> = (0..3)
        .map(|_| {
            client.connect_ready(Transport::FramedTcp, addr);
            server.accepted()
        })
        .collect();
    let gone = endpoints[2];
    server.network().remove(gone.resource_id());
    let sent = server.network().send_to_each(endpoints, MessageKind::BINARY, b"hello");
    assert_eq!(sent.taken, 2);
    assert_eq!(sent.refused, [(gone, SendStatus::ResourceNotFound)]);
}

#[test]
fn a_message_that_is_given_away_arrives_whole_and_behind_others() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(Transport::Ws);
    let endpoint = client.connect_ready(Transport::Ws, addr);
    let accepted = server.accepted();
    let large = polywire_core::bytes::Bytes::from(vec![7; 5 << 20]);
    for network_endpoint in [(server.network(), accepted), (client.network(), endpoint)] {
        let (network, endpoint) = network_endpoint;
        assert_eq!(network.send(endpoint, b"first"), SendStatus::Sent);
        assert_eq!(network.send_owned(endpoint, &large), SendStatus::Sent);
        assert_eq!(network.send(endpoint, b"last"), SendStatus::Sent);
    }
    for node in [&client, &server] {
        assert_eq!(node.message().1, b"first");
        assert!(node.message().1 == large);
        assert_eq!(node.message().1, b"last");
    }
    eventually("all is written", || server.network().stats().queued_bytes == 0);
}
