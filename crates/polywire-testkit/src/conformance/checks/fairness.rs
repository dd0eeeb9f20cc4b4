//! Nobody is starved by a connection that floods.

use std::time::Duration;

use polywire_core::network;

use crate::conformance::node::*;

const FLOOD: usize = 64 << 10;
const PART: usize = 1 << 10;

/// E10: one connection reads its budget in a turn, and then others are served.
pub fn a_flood_takes_its_budget_of_a_turn_and_no_more(subject: &Subject) {
    let (network, mut processor) = network::split();
    let subject = &subject.limited(Limits::default().with_read_budget(4 << 10));
    let (_, addr) = subject.listen(&network).unwrap();
    // What is not read of the flood is not lingered for.
    let subject = &subject.limited(Limits::default().with_linger(Duration::ZERO));
    let client = Node::new(subject);
    let flooding = client.connect(subject, &addr);
    let other = client.connect(subject, &addr);
    let mut accepted = 0;
    while accepted < 2 {
        processor.process_poll_event(Some(subject.deadline()), |event| {
            accepted += usize::from(matches!(event, NetEvent::Accepted(..)));
        });
    }
    for _ in 0..2 {
        let event = client.next();
        let is_it = matches!(event, StoredNetEvent::Connected(_, true));
        assert!(is_it, "{} instead of Connected", client.shown(&event));
    }
    for _ in 0..FLOOD / PART {
        assert_eq!(client.network().send(flooding, &[7; PART]), SendStatus::Sent);
    }
    assert_eq!(client.network().send(other, b"1"), SendStatus::Sent); // A stream cuts no byte.
    client.settle();
    let (mut of_flood, mut is_heard) = (0, false);
    while !is_heard {
        processor.process_poll_event(Some(Duration::from_secs(1)), |event| match event {
            NetEvent::Message(_, b"1") => is_heard = true,
            NetEvent::Message(_, message) if !is_heard => of_flood += message.len(),
            _ => {}
        });
    }
    assert!(of_flood < FLOOD / 2, "{of_flood} bytes of the flood came first");
}
