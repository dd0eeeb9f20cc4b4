//! `stop` ends the loop after the event in hand, under any load; then sockets close.
//!
//! This is E8 of `docs/contracts.md`.

use std::sync::mpsc;
use std::time::Duration;

use crate::common::*;

over_transports! {
    // The poller tells of its end once, together with what makes the callback stop the node.
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_removed_connection_that_ends_just_as_the_node_is_stopped_is_not_waited_for(transport) {
        let (handler, listener) = split();
        let limits = Limits::default().with_linger(Duration::from_secs(3600));
        let (_, addr) = handler.network().listen(&*listening(transport, limits), LOCALHOST).unwrap();
        let ((tell, accepted), (go_on, waits)) = (mpsc::channel(), mpsc::channel::<()>());
        let (inner, (holds, held)) = (Handler::clone(&handler), mpsc::channel());
        let mut holds = Some(holds);
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => tell.send(endpoint).unwrap(),
            NodeEvent::Network(NetEvent::Message(..)) => match holds.take() {
                Some(holds) => {
                    holds.send(()).unwrap();
                    waits.recv().unwrap();
                }
                None => inner.stop(),
            },
            _ => {}
        });
        let mut speaks = [(); 2].map(|()| {
            let peer = RawPeer::connect(transport, addr);
            accepted.recv().unwrap();
            peer
        });
        let non_reader = RawPeer::connect(transport, addr);
        let endpoint = accepted.recv().unwrap();
        while handler.network().try_send(endpoint, &[7; 100_000]) == SendStatus::Sent {}
        assert!(handler.network().remove(endpoint.resource_id()));

        speaks[0].send(b"hold");
        held.recv().unwrap();
        speaks[1].send(b"stop");
        non_reader.reset();
        go_on.send(()).unwrap();
        task.wait();
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn the_peers_of_a_stopped_node_see_the_clean_end_of_the_stream(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let peers: Vec<_> = (0..10).map(|_| RawPeer::connect(transport, addr)).collect();
        for _ in &peers {
            node.accepted();
        }
        drop(node);
        for peer in peers {
            let end = peer.read_to_end(100);
            assert!(end.payload.is_empty());
            assert_eq!(end.close_code, (transport.plain() == Transport::Ws).then_some(1001));
        }
        assert!(std::net::TcpStream::connect(addr).is_err(), "the listener is still there");
    }
}
