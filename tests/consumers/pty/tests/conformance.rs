//! The adapter keeps its contract.

use std::time::Duration;

use polywire_pty::{Framed, Pty};
use polywire_testkit::conformance;
use polywire_testkit::conformance::{ProtocolSubject, StreamSubject, Subject};

const MAX: usize = 64 << 20;

conformance! {
    adapter pty = Subject::new(
        |limits| Box::new(Pty::default().with_limits(limits)),
        |limits| Box::new(Pty::default().with_limits(limits)),
    )
    .with_names(|unique| std::env::temp_dir().join(format!("{unique}.pty")).display().to_string());
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: MAX,
}

fn framed() -> Framed {
    Framed::new(MAX, Duration::from_secs(5))
}

conformance! {
    protocol framed = ProtocolSubject::new(super::framed, super::framed);
    packets: yes,
}

conformance! {
    stream port = StreamSubject::new(|| polywire_pty::Port::pair().unwrap()).with_marked_end();
}
