//! After `Connected(_, true)` or `Accepted` comes exactly one `Disconnected`, unless the program
//! removed the endpoint: then none.
//!
//! This is E3 of `docs/contracts.md`.

use crate::common::*;

fn reason(node: &Watched, endpoint: Endpoint) -> CloseReason {
    node.handler.network().close_reason(endpoint).expect("a reason of its end")
}

fn assert_nothing_else(node: Watched) {
    let rest = node.rest();
    assert!(rest.is_empty(), "{rest:?}");
}

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_peer_that_ends_its_stream_is_told_once(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let mut client = RawPeer::connect_with(transport, addr, &frame(transport, b"bye"));
        let endpoint = node.accepted();
        client.finish_handshake();
        client.finish();
        assert_eq!(node.message(), (endpoint, b"bye".to_vec()));
        assert_eq!(node.disconnected(), endpoint);
        let expected = match transport.plain() {
            Transport::Ws => CloseReason::AbnormalClosure,
            _ => CloseReason::PeerClosed,
        };
        assert_eq!(reason(&node, endpoint), expected);
        assert!(!node.handler.network().remove(endpoint.resource_id()), "it was removed before");
        assert_eq!(reason(&node, endpoint), expected);
        assert_nothing_else(node);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_reset_is_told_once(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let client = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        client.reset();
        assert_eq!(node.disconnected(), endpoint);
        assert_eq!(reason(&node, endpoint), CloseReason::Reset);
        assert_nothing_else(node);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_reset_while_much_waits_to_be_sent_is_told_once(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let client = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        let network = node.handler.network();
        let message = vec![1; 1 << 20];
        while network.try_send(endpoint, &message) == SendStatus::Sent {}
        client.reset();
        assert_eq!(node.disconnected(), endpoint);
        assert_eq!(reason(&node, endpoint), CloseReason::Reset);
        assert_eq!(node.handler.network().send(endpoint, b"late"), SendStatus::ResourceNotFound);
        assert_nothing_else(node);
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn what_the_program_removed_is_told_no_more(transport) {
        let echo = Echo::start(transport);
        let mut node = Watched::start();
        let client = node.connect(transport, echo.addr);
        assert_eq!(node.connected(), (client, true));
        let network = node.handler.network();
        assert!(network.remove(client.resource_id()));
        assert!(!network.remove(client.resource_id()), "removed twice");
        assert_eq!(network.is_ready(client.resource_id()), None);
        assert_eq!(network.close_reason(client), Some(CloseReason::Removed));

        let unready = node.connect(transport, echo.addr);
        assert!(node.handler.network().remove(unready.resource_id()));
        // What had begun to be told when it was removed is told.
        let mut rest = node.rest();
        rest.retain(|event| !matches!(event, StoredNetEvent::Connected(who, true) if *who == unready));
        assert!(rest.is_empty(), "{rest:?}");
    }
}
