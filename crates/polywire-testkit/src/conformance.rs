//! What holds an adapter to its contract.
//!
//! A crate with an adapter of its own has this one as its only dev-dependency for tests, and one call of
//! [`conformance!`](crate::conformance!) for each thing that it is made of. What comes of it is one `#[test]` for each
//! promise of an endpoint (E1 to E10 of `docs/contracts.md` in the repository), for each hazard that adapters have met,
//! and for each rule of the traits; what does not apply is listed as ignored, with the reason.
//!
//! # Black box and white box
//!
//! * *Adapters* ([`Subject`]) are black boxes: values that connect and listen. [`checks`] runs real nodes on them and knows
//!   nothing else: order, back-pressure, draining, ends, silence, idle time, fairness, panics, arguments.
//! * *Protocols* ([`ProtocolSubject`]) are driven by hand, with no socket and no node, as the engine would: each message cut
//!   at each byte, one byte at a time, any bytes at all; what is consumed and needed, what goes to `out`, what frames are.
//! * *Streams* ([`StreamSubject`]) are read and written by hand, in parts of random lengths: bounds, the same front after
//!   `WouldBlock`, what the constants claim, the end.
//! * [`Checked`] stands around a [`Remote`](polywire_core::adapter::Remote), for adapters that are no streams, and
//!   panics where a call breaks a rule that no event shows.
//! * [`FaultyLink`] is a layer: short reads and writes, `WouldBlock` without a cause, delays, a reset. An adapter over it is
//!   one more [`Subject`].
//!
//! # What a check is
//!
//! A function that panics. [`conformance!`](crate::conformance!) makes tests of them; [`run`] calls one and returns what it
//! found, which is how the kit tests itself: an adapter with dozens of faults to switch on, and a table of each fault and
//! the check that finds it. A check that hangs is one that fails.
//!
//! # Which fault is found by which check
//!
//! The table is `tests/planted_faults.rs` of this crate.

mod capabilities;
mod checked;
pub mod checks;
mod endpoint_list;
mod faulty_link;
mod macros;
mod node;
pub mod protocol;
mod run;
pub mod stream;
mod subject;

pub use capabilities::Capabilities;
pub use checked::Checked;
pub use faulty_link::{FaultyLink, FaultyStream};
pub use protocol::ProtocolSubject;
pub use run::{
    EndpointCheck, assert_holds, assert_in_time, endpoint_check, endpoint_checks, run, run_in_time,
};
pub use stream::StreamSubject;
pub use subject::Subject;
