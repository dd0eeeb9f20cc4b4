//! Nobody is starved by a connection that floods.

use std::time::Duration;

use polywire_core::address::Name;
use polywire_core::network;

use crate::kit::*;

const FLOOD: usize = 64;

over_adapters! {
    fn a_flood_takes_its_budget_of_a_turn_and_no_more(adapter) {
        let (network, mut processor) = network::split();
        let adapter = adapter.limited(Limits::default().with_read_budget(4 << 10));
        let addr = adapter.free_address();
        network.listen(&adapter, Name(&addr)).unwrap();
        // What is not read of the flood is not lingered for.
        let adapter = adapter.limited(Limits::default().with_linger(Duration::ZERO));
        let client = Node::new();
        let flooding = client.connect(&adapter, &addr);
        let other = client.connect(&adapter, &addr);
        let mut accepted = 0;
        while accepted < 2 {
            processor.process_poll_event(Some(DEADLINE), |event| {
                accepted += usize::from(matches!(event, NetEvent::Accepted(..)));
            });
        }
        for _ in 0..2 {
            assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)));
        }
        for _ in 0..FLOOD {
            assert_eq!(client.network().send(flooding, &[7; 1 << 10]), SendStatus::Sent);
        }
        assert_eq!(client.network().send(other, b"one"), SendStatus::Sent);
        client.settle();
        let (mut of_flood, mut is_heard) = (0, false);
        while !is_heard {
            processor.process_poll_event(Some(Duration::from_secs(1)), |event| match event {
                NetEvent::Message(_, b"one") => is_heard = true,
                NetEvent::Message(..) if !is_heard => of_flood += 1,
                _ => {}
            });
        }
        assert!(of_flood < FLOOD / 2, "{of_flood} messages of the flood came first");
    }
}
