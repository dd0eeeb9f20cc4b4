//! A stream keeps its contract, however it is cut. That of messages is held by `tests/consumers/third-party`.

use polywire_memory::{Conditions, MemoryNetwork};
use polywire_testkit::conformance::Subject;

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
