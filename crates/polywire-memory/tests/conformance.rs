//! A stream keeps its contract, however it is cut, and a check of datagrams knows a late answer. The contract of messages is
//! held by `tests/consumers/third-party`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use polywire_memory::{Conditions, MemoryNetwork};
use polywire_testkit::conformance::{Capabilities, Subject, assert_holds, endpoint_check};

fn stream(network: MemoryNetwork, conditions: Conditions) -> Subject {
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
            adapter $name = stream(MemoryNetwork::default(), $conditions);
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

#[test]
fn a_check_takes_what_a_callback_waits_for_in_any_parts() {
    let can = Capabilities {
        connections: true,
        order: true,
        reliability: true,
        half_close: true,
        ..Capabilities::default()
    };
    let checks = [
        "a_flood_takes_its_budget_of_a_turn_and_no_more",
        "a_callback_may_wait_for_a_thread_that_waits_for_room",
        "a_peer_that_takes_nothing_ends_though_the_callback_waits_for_a_thread_that_sends",
        "messages_of_the_callback_arrive_in_order",
    ];
    thread::scope(|scope| {
        for (seed, check) in (0..6).flat_map(|seed| checks.map(|check| (seed, check))) {
            let network = MemoryNetwork::new(seed);
            let subject = stream(network, Conditions::default().with_cuts(0.9));
            let check = endpoint_check(check);
            scope.spawn(move || assert_holds(&check, subject.with_capabilities(can)));
        }
    });
}

/// Messages on `network`, and what is done whenever a node listens.
fn messages(network: &MemoryNetwork, listens: impl Fn() + Send + Sync + 'static) -> Subject {
    let (connecting, listening) = (network.messages(), network.messages());
    Subject::new(
        move |limits| Box::new(connecting.clone().with_limits(limits)),
        move |limits| {
            listens();
            Box::new(listening.clone().with_limits(limits))
        },
    )
    .with_names(|unique| unique.into())
}

/// An answer takes longer than the check waits before it asks again, and then the second one comes late.
#[test]
fn a_late_answer_is_not_taken_for_a_wrong_one() {
    let network = MemoryNetwork::default();
    let delay = Duration::from_millis(60);
    network.set_conditions(Conditions::default().with_delay(delay, delay));
    let can = Capabilities { packets: true, ..Capabilities::default() };
    let subject = messages(&network, || {}).with_capabilities(can);
    let check = endpoint_check("a_datagram_is_answered_through_the_endpoint_that_it_came_from");
    assert_holds(&check, subject);
}

/// Runs a check while what is sent to the first that listens takes that long, as if the machine had stood still.
fn run_behind_a_pause(check: &str, pause: Duration) {
    let network = MemoryNetwork::default();
    let (changed, listeners) = (network.clone(), AtomicUsize::new(0));
    let subject = messages(&network, move || {
        let is_first = listeners.fetch_add(1, Ordering::Relaxed) == 0;
        let delay = if is_first { pause } else { Duration::ZERO };
        changed.set_conditions(Conditions::default().with_delay(delay, delay));
    });
    let can = Capabilities { connections: true, packets: true, ..Capabilities::default() };
    assert_holds(&endpoint_check(check), subject.with_capabilities(can));
}

#[test]
fn a_machine_that_stands_still_for_a_moment_is_not_taken_for_an_idle_peer() {
    let check = "traffic_keeps_an_endpoint_alive_and_silence_ends_it";
    run_behind_a_pause(check, Duration::from_millis(400));
}

#[test]
fn a_machine_that_stands_still_for_a_moment_is_not_taken_for_a_stalled_peer() {
    run_behind_a_pause("a_peer_that_reads_slowly_lives", Duration::from_millis(900));
}
