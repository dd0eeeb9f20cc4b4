//! A stream keeps its contract, however it is cut, and a check of datagrams knows a late answer. The contract of messages is
//! held by `tests/consumers/third-party`.

use std::time::Duration;

use polywire_memory::{Conditions, MemoryNetwork};
use polywire_testkit::conformance::{Capabilities, Subject, assert_holds, endpoint_check};

fn stream(conditions: Conditions) -> Subject {
    let network = MemoryNetwork::default();
    network.set_conditions(conditions);
    let (connecting, listening) = (network.stream(), network.stream());
    Subject::new(
        move |limits| Box::new(connecting.clone().with_limits(limits)),
        move |limits| Box::new(listening.clone().with_limits(limits)),
    )
    .with_names(|unique| unique.into())
}

macro_rules! streams {
    ($($name:ident $conditions:expr;)+) => {$(
        polywire_testkit::conformance! {
            adapter $name = stream($conditions);
            connections: yes,
            packets: no,
            order: yes,
            reliability: yes,
            half_close: yes,
            largest_message: none,
        }
    )+};
}

streams! {
    whole Conditions::default();
    cut Conditions::default().with_cuts(0.5);
}

/// An answer takes longer than the check waits before it asks again, and then the second one comes late.
#[test]
fn a_late_answer_is_not_taken_for_a_wrong_one() {
    let network = MemoryNetwork::default();
    let delay = Duration::from_millis(60);
    network.set_conditions(Conditions::default().with_delay(delay, delay));
    let messages = network.messages();
    let (connecting, listening) = (messages.clone(), messages);
    let subject = Subject::new(
        move |limits| Box::new(connecting.clone().with_limits(limits)),
        move |limits| Box::new(listening.clone().with_limits(limits)),
    )
    .with_names(|unique| unique.into())
    .with_capabilities(Capabilities { packets: true, ..Capabilities::default() });
    let check = endpoint_check("a_datagram_is_answered_through_the_endpoint_that_it_came_from");
    assert_holds(&check, subject);
}
