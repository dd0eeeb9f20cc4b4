//! The program's own signal once there is room again.

use std::sync::mpsc;
use std::time::Duration;

use crate::kit::*;

fn full(adapter: &impl Adapter) -> Pair {
    let pair = Pair::with_paused_client(adapter, small_limits());
    pair.fill();
    pair
}

over_adapters! {
    fn the_signal_comes_once_and_not_before_there_is_room(adapter) {
        let pair = full(&adapter);
        let (server, to_client) = (&pair.server, pair.to_client);
        let (sender, signals) = mpsc::channel();
        assert!(server.handler.send_signal_when_writable(to_client, sender));
        server.settle();
        assert!(signals.try_recv().is_err(), "a signal though there is no room");
        assert_eq!(server.network().try_send(to_client, b"more"), SendStatus::Full);

        pair.resume_client();
        signals.recv_timeout(DEADLINE).expect("a signal once there is room");
        assert!(server.queued() <= SOFT_MARK);
        assert_eq!(server.network().try_send(to_client, b"more"), SendStatus::Sent);
        eventually("all to be read", || server.queued() == 0);
        server.settle();
        assert!(signals.try_recv().is_err(), "a second signal");
    }

    fn every_request_gets_its_signal(adapter) {
        let pair = full(&adapter);
        let (sender, signals) = mpsc::channel();
        for _ in 0..10 {
            assert!(pair.server.handler.send_signal_when_writable(pair.to_client, sender.clone()));
        }
        pair.resume_client();
        for _ in 0..10 {
            signals.recv_timeout(DEADLINE).expect("a signal for each");
        }
        pair.server.settle();
        assert!(signals.try_recv().is_err(), "a signal nobody asked for");
    }

    fn the_signal_comes_at_once_where_there_is_room(adapter) {
        let pair = Pair::new(&adapter);
        let (sender, signals) = mpsc::channel();
        assert!(pair.server.handler.send_signal_when_writable(pair.to_client, sender));
        signals.recv_timeout(DEADLINE).expect("the signal");
    }

    fn no_signal_comes_of_an_endpoint_that_was_removed_though_what_waited_still_goes_out(adapter) {
        let pair = full(&adapter);
        let (sender, signals) = mpsc::channel();
        let ask = |sender| pair.server.handler.send_signal_when_writable(pair.to_client, sender);
        assert!(ask(sender.clone()));
        assert!(pair.server.network().remove(pair.to_client.resource_id()));
        assert!(!ask(sender));
        pair.resume_client();
        assert!(signals.recv().is_err(), "a signal of an endpoint that was removed");
        while let StoredNetEvent::Message(..) = pair.client.next() {}
    }

    fn no_signal_comes_of_an_endpoint_that_has_ended(adapter) {
        let limits = small_limits().with_stall_timeout(Duration::from_millis(200));
        let pair = Pair::with_paused_client(&adapter, limits);
        pair.fill();
        let (sender, signals) = mpsc::channel();
        assert!(pair.server.handler.send_signal_when_writable(pair.to_client, sender.clone()));
        assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::Stalled);
        assert!(!pair.server.handler.send_signal_when_writable(pair.to_client, sender));
        assert!(signals.recv().is_err(), "a signal of an endpoint that has ended");
    }
}
