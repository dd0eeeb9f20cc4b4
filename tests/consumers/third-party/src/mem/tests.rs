//! The adapter keeps its contract: here rather than under `tests`, where the crate has no `cfg(test)` that would watch it.

use polywire_testkit::conformance;
use polywire_testkit::conformance::Subject;

use super::Mem;

fn subject() -> Subject {
    let connect = Mem::default();
    let listen = connect.clone();
    Subject::new(
        move |limits| Box::new(connect.with_limits(limits)),
        move |limits| Box::new(listen.with_limits(limits)),
    )
    .with_names(|name| name.into())
}

conformance! {
    adapter mem = subject();
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: 64 << 20,
}
