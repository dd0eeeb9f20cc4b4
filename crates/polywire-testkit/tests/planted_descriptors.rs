//! Descriptors that an adapter leaves behind are found: in a process of its own, as all tests of a process share them.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub)]
#![allow(dead_code, reason = "the other faults are those of planted_faults.rs")]

#[path = "planted/adapter.rs"]
mod adapter;
#[path = "planted/fault.rs"]
mod fault;
#[path = "planted/pipe.rs"]
mod pipe;
#[path = "planted/state.rs"]
mod state;

use std::time::Duration;

use polywire_testkit::conformance::{Capabilities, Subject, endpoint_check, run};

use adapter::Planted;
use fault::Fault;

fn found(fault: Fault) -> Result<(), String> {
    let connecting = Planted::new(fault);
    let listening = connecting.clone();
    let can = Capabilities { connections: true, ..Capabilities::default() };
    let subject = Subject::new(
        move |limits| Box::new(connecting.with_limits(limits)),
        move |limits| Box::new(listening.with_limits(limits)),
    );
    let subject = subject.with_names(|name| name.into()).with_capabilities(can);
    let subject = subject.with_deadline(Duration::from_secs(2));
    run(&endpoint_check("a_connection_that_was_removed_leaves_no_descriptor"), subject)
}

#[test]
fn a_descriptor_that_each_connection_leaves_is_found() {
    assert_eq!(found(Fault::None), Ok(()));
    let text = found(Fault::LeavesDescriptors).expect_err("they are left");
    assert!(text.contains("descriptors are left of"), "{text}");
}
