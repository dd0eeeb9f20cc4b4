//! Silence after `remove`.

use std::io::Write;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use polywire::network::NetEvent;

use crate::support::peers;
use crate::support::{ANY_PORT, DEADLINE, Handler, Node, StoredNetEvent, Transport};

const QUEUED: usize = 1000;

#[test]
fn removing_at_the_first_of_many_queued_messages_is_followed_by_silence() {
    for &transport in Transport::STREAMS {
        let delivered = Arc::new(AtomicUsize::new(0));
        let (count, (written, all_written)) = (Arc::clone(&delivered), mpsc::channel());
        let node = Node::with(move |handler, event| match event {
            // The loop stands still until all messages wait in the kernel.
            NetEvent::Accepted(..) => all_written.recv_timeout(DEADLINE).unwrap(),
            NetEvent::Message(endpoint, _) => {
                count.fetch_add(1, Ordering::Relaxed);
                assert!(handler.network().remove(endpoint.resource_id()));
            }
            _ => {}
        });
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open_any(transport, addr);
        peer.write_all(&peers::frame(transport, b"message").repeat(QUEUED)).unwrap();
        written.send(()).unwrap();
        let endpoint = node.accepted();
        assert_eq!(node.message().0, endpoint);
        peers::read_to_the_end(&mut peer);
        node.assert_silent();
        assert_eq!(delivered.load(Ordering::Relaxed), 1, "{transport}");
    }
}

#[test]
fn removing_a_udp_listener_at_the_first_of_many_queued_datagrams_is_followed_by_silence() {
    let peer = UdpSocket::bind(ANY_PORT).unwrap();
    let send_many = |addr| (0..100).for_each(|_| _ = peer.send_to(b"datagram", addr).unwrap());
    let remove = |handler: &Handler, event: &NetEvent<'_>| {
        if let NetEvent::Message(endpoint, _) = event {
            assert!(handler.network().remove(endpoint.resource_id()));
        }
    };
    let prepare = |handler: &Handler| {
        let (_, addr) = handler.network().listen(Transport::Udp, ANY_PORT).unwrap();
        send_many(addr);
    };
    let node = Node::prepared(prepare, remove);
    node.message();
    node.assert_silent();

    let peer_addr = peer.local_addr().unwrap();
    let prepare = |handler: &Handler| {
        let (_, addr) = handler.network().connect(Transport::Udp, peer_addr).unwrap();
        send_many(addr);
    };
    let node = Node::prepared(prepare, remove);
    assert!(matches!(node.next(), StoredNetEvent::Connected(_, true)));
    node.message();
    node.assert_silent();
}
